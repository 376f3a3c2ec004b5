"""Parts that change the logits: margins, scales, priors."""
