"""Schedules and sensors: when things run."""
