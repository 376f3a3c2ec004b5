"""Files of a user's code: kept with a search, and trusted by whom."""
