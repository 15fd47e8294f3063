"""Faults: real processes killed while a batch runs, and what every store holds afterwards."""
