"""Training: the data set, its split, the boosters, the figures of a model, and the gate that a challenger must pass."""
