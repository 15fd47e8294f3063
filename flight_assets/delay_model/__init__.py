"""Prediction of a flight's arrival delay before departure: features, training, serving, registry.

No Dagster here.
"""
