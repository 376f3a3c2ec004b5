"""The phases of a search, one file each."""
