"""Features of a flight from its announcement and from earlier events.

One code for training and for serving.
"""
