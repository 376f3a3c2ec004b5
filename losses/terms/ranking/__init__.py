"""Terms on the order of the samples, computed over a whole batch."""

__all__: list[str] = []  # a part is found by its file
