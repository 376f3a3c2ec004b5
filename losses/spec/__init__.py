"""A point of the family: its record, canonical form, formula, and the standard losses."""
