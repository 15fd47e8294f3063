"""Pure rules for messages, events and flights, for Python, Arrow and Spark: no session, no I/O, no clock."""
