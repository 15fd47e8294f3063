"""The embedded platform: which services there are, how they start, how to tell that they work."""
