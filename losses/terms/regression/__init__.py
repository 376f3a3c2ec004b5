"""Terms for real targets."""
