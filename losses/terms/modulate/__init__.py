"""Factors of the loss of each sample that read its outputs."""
