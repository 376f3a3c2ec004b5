"""The protocol of a search: headroom, explore, race, verdict, and what can be learnt from it."""
