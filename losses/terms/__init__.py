"""One file for each part of the family; `losses/registry.py` finds them."""
