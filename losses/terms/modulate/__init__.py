"""Factors of the loss of each sample that read its outputs."""

__all__: list[str] = []  # a part is found by its file
