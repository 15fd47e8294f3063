"""What people and pages ask of the stores: plain functions, no user interface."""
