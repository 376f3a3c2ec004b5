"""The SPEC: what a user writes to ask for a search, checked before anything runs."""
