"""What kinds have in common whose outputs are one logit for yes or no."""

from __future__ import annotations

import torch
from torch import Tensor

from .probability import log_likelihood, log_not_p, log_p, mask
from .quantity import Quantity


def predictions(outputs: Tensor) -> Tensor:
    """1 where the logit is above 0, else 0."""
    return (outputs > 0).long()


def random_targets(outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Zeros and ones of the shape of the outputs, (N,) or (N, L); both answers occur for every label.

    Args:
        outputs: (N,) or (N, L).
        generator: Where the order of the samples comes from.
    """
    samples = len(outputs)
    turn = (
        torch.arange(outputs.numel()).reshape(outputs.shape) // max(1, outputs.numel() // max(1, samples)) % 2
    )
    return turn[torch.randperm(samples, generator=generator)].to(outputs.dtype)


def count(targets: Tensor) -> Tensor:
    """(negatives, positives) for each column of targets (N, L): (L, 2); what is not 0 or 1 is neither."""
    return torch.stack([(targets == 0).sum(0), (targets == 1).sum(0)], 1)


def gap_binary(logits: Tensor, targets: Tensor) -> Tensor:
    """The logit, signed so that positive is right.

    Args:
        logits: (N,) or (N, L).
        targets: Zeros and ones, likewise.
    """
    return logits * (2 * targets - 1)


def log_p_mean_binary(log_p: Tensor, log_not_p: Tensor) -> Tensor:
    """The mean of ln p_k over the two classes.

    Args:
        log_p: (N,) or (N, L), ln p of the true answer.
        log_not_p: Likewise, ln(1 - p).
    """
    return (log_p + log_not_p) / 2


def log_p_sum_binary(log_p: Tensor, log_not_p: Tensor) -> Tensor:
    """The sum of ln p_k over the two classes.

    Args:
        log_p: (N,) or (N, L), ln p of the true answer.
        log_not_p: Likewise, ln(1 - p).
    """
    return log_p + log_not_p


def entropy_binary(log_p: Tensor, log_not_p: Tensor) -> Tensor:
    """-p ln p - (1 - p) ln(1 - p), of the shape of `log_p`.

    Args:
        log_p: (N,) or (N, L), ln p of the true answer.
        log_not_p: Likewise, ln(1 - p).
    """
    return -(log_p.exp() * log_p + log_not_p.exp() * log_not_p)


def log_prior_binary(class_counts: Tensor) -> Tensor:
    """ln of positives over negatives in the training data, (); (L,) for multilabel."""
    counts = class_counts.clamp(min=1)
    return torch.log(counts[..., 1] / counts[..., 0])


def target_count_binary(class_counts: Tensor, targets: Tensor) -> Tensor:
    """How many training samples share the answer, of the shape of the targets.

    Args:
        class_counts: (negatives, positives), (2,); (L, 2) for multilabel.
        targets: Zeros and ones, (N,) or (N, L).
    """
    counts = class_counts.clamp(min=1)
    return counts[..., 0] + (counts[..., 1] - counts[..., 0]) * targets


QUANTITIES = {
    "gap": Quantity(gap_binary),
    "log_p": Quantity(log_p),
    "log_not_p": Quantity(log_not_p),
    "log_p_mean": Quantity(log_p_mean_binary),
    "log_p_sum": Quantity(log_p_sum_binary),
    "log_likelihood": Quantity(log_likelihood),
    "entropy": Quantity(entropy_binary),
    "mask": Quantity(mask, of_shape=True),
    "log_prior": Quantity(log_prior_binary, broadcasts=False),
    "target_count": Quantity(target_count_binary),
}
