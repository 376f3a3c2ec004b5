"""One file for each part of the family; `losses/family/registry.py` finds them."""

__all__: list[str] = []  # a part is found by its file
