"""What flows between the rooms of a search: trials, plans, rungs, units."""
