"""Embedded platform: its services, how they start, and how to check that they work."""
