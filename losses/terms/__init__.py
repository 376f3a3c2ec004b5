"""One file for each part of the family; `losses/family/registry.py` finds them."""
