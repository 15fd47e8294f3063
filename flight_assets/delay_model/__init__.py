"""Predicting a flight's arrival delay before it departs: features, training, evaluation, inference, registry. No Dagster here."""
