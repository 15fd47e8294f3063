"""What travels and what is stored: fields, types, units, grain and keys. No Dagster, Spark or client library here."""
