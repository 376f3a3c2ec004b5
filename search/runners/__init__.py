"""Where cohorts are trained: one file for each place."""
