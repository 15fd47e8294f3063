"""Pure Spark steps, DataFrame in and DataFrame out: no session, no I/O, no clock."""
