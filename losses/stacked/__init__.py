"""Many losses evaluated at once."""
