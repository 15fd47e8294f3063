"""Live processing: events reach MongoDB within seconds.

Later their batch writes the warehouse and confirms them.
"""
