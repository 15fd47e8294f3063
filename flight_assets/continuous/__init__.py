"""Continuous processing: events in MongoDB within seconds, ahead of the batch that takes them into the warehouse and confirms them."""
