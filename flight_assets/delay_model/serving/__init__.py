"""Serving: predictions from features, conformal intervals, and the monitoring of drift and live errors."""
