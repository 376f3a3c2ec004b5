"""A user's own training function, as it is declared."""
