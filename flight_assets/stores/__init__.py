"""Clients of Kafka, HDFS, the warehouse, MongoDB and Redis, and the idempotent write of each."""
