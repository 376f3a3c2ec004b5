"""Terms on the overlap of predicted and true sets, computed over a whole batch."""
