"""Fuzzing: generated and mutated messages, for the check function alone and for a running platform."""
