"""A search as typed values: what came of it, and what is recommended."""
