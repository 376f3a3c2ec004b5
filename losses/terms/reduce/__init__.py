"""From the losses of the samples to the loss of the batch."""

__all__: list[str] = []  # a part is found by its file
