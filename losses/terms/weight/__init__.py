"""Factors of the loss of each sample that read its class alone."""

__all__: list[str] = []  # a part is found by its file
