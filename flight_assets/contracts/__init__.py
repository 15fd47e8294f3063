"""Contracts of messages and tables: fields, types, units, grain and keys.

No Dagster, Spark or client library.
"""
