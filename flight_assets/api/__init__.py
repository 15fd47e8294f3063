"""REST API: the doors for other programs. It reads through ``queries.scoped`` and writes to Kafka only."""
