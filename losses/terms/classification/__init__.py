"""Terms for classes and labels."""
