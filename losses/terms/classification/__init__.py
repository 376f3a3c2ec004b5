"""Terms for classes and labels."""

__all__: list[str] = []  # a part is found by its file
