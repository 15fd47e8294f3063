"""Flight tracking platform: Kafka → Spark → MongoDB and a Hive warehouse, with delay predictions."""
