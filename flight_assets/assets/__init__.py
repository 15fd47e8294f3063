"""Dagster assets, one file each: read, call pure code, write, report metadata."""
