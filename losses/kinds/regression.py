"""A number, or several, for each sample."""

from __future__ import annotations

import torch
from torch import Tensor

from .probability import mask
from .problem_kind import ProblemKind
from .quantity import Quantity
from .shapes import each_with_zero_and_one, of_one_shape, without_single


def prediction(outputs: Tensor, targets: Tensor) -> Tensor:
    """The predicted value: the outputs, or the first of the two numbers a target has (see `log_variance`).

    Args:
        outputs: (N, ...), or (N, ..., 2) for targets (N, ...).
        targets: (N, ...).
    """
    return outputs[..., 0] if outputs.dim() > targets.dim() else outputs


def log_variance(outputs: Tensor, targets: Tensor) -> Tensor:
    """ln of the predicted variance, of the shape of the targets.

    A model predicts it when its outputs have one more axis than the targets, of size two: (N, 2) for
    targets (N,), (N, D, 2) for (N, D). The first number is the mean, the second this. Otherwise it is 0.

    Args:
        outputs: (N, ...), or (N, ..., 2) for targets (N, ...).
        targets: (N, ...).
    """
    return outputs[..., 1] if outputs.dim() > targets.dim() else torch.zeros_like(outputs)


def residual(prediction: Tensor, targets: Tensor, target_scale: Tensor) -> Tensor:
    """The error in units of the spread of the training targets.

    Args:
        prediction: (N, ...), in the unit of the targets.
        targets: (N, ...).
        target_scale: The spread of the training targets, (), in their unit.
    """
    return (prediction - targets) / target_scale


QUANTITIES = {
    "prediction": Quantity(prediction, expands=True),
    "log_variance": Quantity(log_variance, expands=True),
    "residual": Quantity(residual),
    "mask": Quantity(mask, of_shape=True),
}


def shaped(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Predictions and targets of one shape, (N,) or (N, ...); mean and ln variance on a last axis of two.

    Args:
        outputs: (N,), (N, 1), (N, D) or (N, ...).
        targets: Of the same shape, but for a dimension of one.

    Raises:
        UserError: The shapes differ otherwise, or targets are complex.
    """
    return of_one_shape("regression", *without_single(outputs, targets))


def _random_targets(outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers of the shape of the outputs."""
    return torch.randn(outputs.shape, generator=generator, dtype=torch.float64).to(outputs.dtype)


def _at_level(level: float) -> tuple[Tensor, Tensor]:
    """Eight samples whose error is `level` or minus that."""
    return level * torch.tensor([1.0, -1.0] * 4), torch.zeros(8)


KIND = ProblemKind(
    name="regression",
    order=4,
    about="a number, or several",
    target="number",
    single=False,
    several=True,
    constant="target_scale",
    decision=None,
    usual_loss="mse",
    usual_metrics=("r2",),
    outputs_shape="(N,) or (N, D) predictions",
    targets_shape="shaped as the outputs",
    letters="r is the residual, prediction minus target, in units of the targets' spread",
    quantities=QUANTITIES,
    shaped=shaped,
    outputs_for=lambda targets: targets.shape[1] if targets.dim() == 2 else 1,
    predictions=lambda outputs: outputs,
    probabilities=lambda outputs: outputs,
    random_targets=_random_targets,
    at_level=_at_level,
    extremes=each_with_zero_and_one,
)
