"""Terms on the order of the samples, computed over a whole batch."""
