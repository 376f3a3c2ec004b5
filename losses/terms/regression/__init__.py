"""Terms for real targets."""

__all__: list[str] = []  # a part is found by its file
