"""Yes or no for each sample."""

from __future__ import annotations

import torch
from torch import Tensor

from . import answers
from .problem_kind import ProblemKind
from .quantity import Quantity
from .shapes import of_one_shape, without_single


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
    **answers.QUANTITIES,
    "probabilities": Quantity(probabilities_binary),
    "truth": Quantity(truth_binary, of_shape=True),
    "counted": Quantity(counted_binary, of_shape=True),
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
    count=lambda targets, _: answers.count(targets.reshape(-1, 1))[0],
    predictions=answers.predictions,
    probabilities=lambda outputs: outputs.sigmoid(),
    random_targets=answers.random_targets,
)
