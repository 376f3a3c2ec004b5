"""How a search tells its user where it is."""
