"""Queries of people and pages to the stores: plain functions, no user interface."""
