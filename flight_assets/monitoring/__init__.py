"""Metrics for Prometheus, alert rules, the life of an alert, and its sinks."""
