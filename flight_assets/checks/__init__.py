"""Checks in Dagster: the asset checks of each step, and the nightly check of whole tables."""
