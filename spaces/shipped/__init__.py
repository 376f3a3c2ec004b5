"""The shipped spaces, as YAML: a part's number is the probability that it is in the loss."""

__all__: list[str] = []
