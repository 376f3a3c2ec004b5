"""Yes or no for each of several labels of each sample."""

from __future__ import annotations

import torch
from torch import Tensor

from . import answers
from .problem_kind import ProblemKind
from .quantity import Quantity
from .shapes import of_one_shape


def probabilities_multilabel(logits: Tensor) -> Tensor:
    """The probability of a yes to each label, (N, L)."""
    return torch.sigmoid(logits)


def truth_multilabel(targets: Tensor) -> Tensor:
    """The targets as (N, L)."""
    return targets


def counted_multilabel(mask: Tensor) -> Tensor:
    """How much each target counts, (N, L)."""
    return mask


QUANTITIES = {
    **answers.QUANTITIES,
    "probabilities": Quantity(probabilities_multilabel),
    "truth": Quantity(truth_multilabel, of_shape=True),
    "counted": Quantity(counted_multilabel, of_shape=True),
}


def shaped(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and zeros and ones of one shape, (N, L).

    Args:
        outputs: (N, L).
        targets: Zeros and ones, (N, L).

    Raises:
        UserError: A shape is another.
    """
    return of_one_shape("multilabel", outputs, targets, "(N, L)", axes=2)


KIND = ProblemKind(
    name="multilabel",
    order=3,
    about="yes or no for each of several labels",
    target="answer",
    single=False,
    several=True,
    constant="class_counts",
    decision="cutoff",
    usual_loss="bce",
    usual_metrics=("macro_f1", "binary_accuracy"),
    outputs_shape="(N, L) logits",
    targets_shape="(N, L) zeros and ones",
    letters=(
        "p is the probability of the true answer t for a label, z the logit, π the shares of the answers, "
        "n the samples of an answer"
    ),
    counts_rule="(negatives, positives) for each label",
    counts_nested=True,
    counts_fit=lambda counts: len(counts) > 0 and all(isinstance(n, tuple) and len(n) == 2 for n in counts),
    quantities=QUANTITIES,
    shaped=shaped,
    probe_counts=((90, 10), (50, 50), (8, 92)),
    probe_columns=(3,),
    outputs_for=lambda targets: targets.shape[1],
    count=lambda targets, _: answers.count(targets),
    predictions=answers.predictions,
    probabilities=lambda outputs: outputs.sigmoid(),
    random_targets=answers.random_targets,
)
