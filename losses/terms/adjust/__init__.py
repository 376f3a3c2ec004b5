"""Parts that change the logits: margins, scales, priors."""

__all__: list[str] = []  # a part is found by its file
