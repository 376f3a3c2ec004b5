"""Parts that change the targets or reward uncertainty."""

__all__: list[str] = []  # a part is found by its file
