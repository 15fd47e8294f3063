"""Training: the data set, its split, the boosters, a model's figures, and the gate for a challenger."""
