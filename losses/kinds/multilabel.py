"""Yes or no for each of several labels of each sample; `binary` has what both kinds share."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from . import binary
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
    **binary.QUANTITIES,
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


def _at_level(level: float) -> tuple[Tensor, Tensor]:
    """Eight samples of three labels whose logits are right by `level`."""
    one = torch.tensor([1.0, 0.0] * 4)
    targets = torch.stack([one, 1 - one, one.roll(1).cumsum(0) % 2], 1)
    return level * (2 * targets - 1), targets


def _extremes(values: Tensor) -> tuple[Tensor, Tensor]:
    """Each pair of the values for two labels with each pair of answers; the third label is 0."""
    answers = values.new_tensor([0, 1])
    outputs, targets = torch.cartesian_prod(values, values, answers, answers).split(2, 1)
    return F.pad(outputs, (0, 1)), F.pad(targets, (0, 1))


KIND = replace(
    binary.KIND,
    name="multilabel",
    order=3,
    about="yes or no for each of several labels",
    single=False,
    several=True,
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
    count=lambda targets, _: binary.count(targets),
    at_level=_at_level,
    extremes=_extremes,
)
