"""Asset checks: what must hold of the data after each step."""
