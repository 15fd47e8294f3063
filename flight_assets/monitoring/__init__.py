"""Metrics for Prometheus, the rules of the alarms, what becomes of an alarm, and who is told."""
