"""Yes or no for each sample; `multilabel` is the same for several labels."""

from __future__ import annotations

import torch
from torch import Tensor

from . import probability
from .problem_kind import ProblemKind
from .quantity import Quantity
from .shapes import each_with_zero_and_one, of_one_shape, without_single


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


def probabilities_binary(logits: Tensor) -> Tensor:
    """The probability of a yes, (N, 1)."""
    return torch.sigmoid(logits).unsqueeze(-1)


def truth_binary(targets: Tensor) -> Tensor:
    """The targets as (N, 1)."""
    return targets.unsqueeze(-1)


def counted_binary(mask: Tensor) -> Tensor:
    """How much each target counts, (N, 1)."""
    return mask.unsqueeze(-1)


QUANTITIES = {
    **probability.QUANTITIES,
    "gap": Quantity(gap_binary),
    "log_p_mean": Quantity(log_p_mean_binary),
    "log_p_sum": Quantity(log_p_sum_binary),
    "entropy": Quantity(entropy_binary),
    "probabilities": Quantity(probabilities_binary),
    "truth": Quantity(truth_binary, of_shape=True),
    "counted": Quantity(counted_binary, of_shape=True),
    "log_prior": Quantity(log_prior_binary, broadcasts=False),
    "target_count": Quantity(target_count_binary),
}


def shaped(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and zeros and ones of one shape, flattened; a dimension of one that one side has is dropped.

    Args:
        outputs: (N,), (N, 1) or (N, ...).
        targets: Zeros and ones of the same shape, but for a dimension of one.

    Raises:
        UserError: The shapes differ otherwise.
    """
    outputs, targets = of_one_shape("binary", *without_single(outputs, targets))
    return outputs.flatten(), targets.flatten()


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
    """(negatives, positives) of targets (N,), (2,), or of each column of (N, L), (L, 2); no others count."""
    return torch.stack([(targets == 0).sum(0), (targets == 1).sum(0)], -1)


def _at_level(level: float) -> tuple[Tensor, Tensor]:
    """Eight samples whose logit is right by `level`."""
    targets = torch.tensor([1.0, 0.0] * 4)
    return level * (2 * targets - 1), targets


KIND = ProblemKind(
    name="binary",
    order=2,
    about="yes or no",
    target="answer",
    single=True,
    constant="class_counts",
    decision="cutoff",
    usual_loss="bce",
    usual_metrics=("balanced_accuracy", "binary_accuracy"),
    outputs_shape="(N,) logits",
    targets_shape="zeros and ones, shaped as the outputs",
    letters=(
        "p is the probability of the true answer t, z the logit, π the shares of the answers, n the samples "
        "of an answer"
    ),
    counts_rule="(negatives, positives)",
    counts_fit=lambda counts: len(counts) == 2,
    quantities=QUANTITIES,
    shaped=shaped,
    probe_counts=(120, 15),
    outputs_for=lambda targets: 1,
    count=lambda targets, _: count(targets.flatten()),
    predictions=lambda outputs: (outputs > 0).long(),
    probabilities=lambda outputs: outputs.sigmoid(),
    random_targets=random_targets,
    at_level=_at_level,
    extremes=each_with_zero_and_one,
)
