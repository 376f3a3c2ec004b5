"""Training with a loop of the user's own: a function `train(loss, trial)` that is searched as it is."""
