"""Sources of flight events and their way to Kafka: flights replayed, moved to now, or loaded from files."""
