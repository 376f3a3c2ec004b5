"""Shapes that several kinds of problem expect of outputs and targets."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import UserError


def of_one_shape(
    kind: str, outputs: Tensor, targets: Tensor, shape: str = "", axes: int | None = None
) -> tuple[Tensor, Tensor]:
    """Outputs and targets as they are, the targets as floating-point numbers.

    Args:
        kind: What the error calls the problem.
        outputs: (N, ...).
        targets: (N, ...), real numbers.
        shape: The shape they must have, in words, where it is a certain one.
        axes: How many axes they must have; None for any number above 0.

    Raises:
        UserError: They have two shapes, another number of axes, or complex targets.
    """
    if targets.is_complex():
        raise UserError(f"{kind} targets must be real numbers, but got {targets.dtype}")
    if outputs.shape != targets.shape or outputs.dim() == 0 or axes not in (None, outputs.dim()):
        raise UserError(
            f"{kind} outputs and targets must have one shape{shape and ' '}{shape}, "
            f"but got {tuple(outputs.shape)} and {tuple(targets.shape)}"
        )
    return outputs, targets.to(torch.promote_types(outputs.dtype, torch.float32))


def without_single(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Without a dimension of one behind the samples: (N, 1) as (N,), (N, 1, H, W) as (N, H, W).

    Models with a single output have one that targets lack; (N, 1) against (N,) would silently broadcast.

    Args:
        outputs: (N, ...).
        targets: (N, ...).
    """
    if outputs.dim() > 1 and outputs.shape[1] == 1 and outputs.dim() != targets.dim():
        outputs = outputs.squeeze(1)
    if targets.dim() > 1 and targets.shape[1] == 1 and outputs.dim() != targets.dim():
        targets = targets.squeeze(1)
    if outputs.dim() == targets.dim() == 2 and outputs.shape[1] == targets.shape[1] == 1:
        outputs, targets = outputs.squeeze(1), targets.squeeze(1)
    return outputs, targets


def each_with_zero_and_one(values: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and targets, (2 V,) each: every one of V values with a target of 0 and one of 1."""
    outputs, targets = torch.cartesian_prod(values, values.new_tensor([0, 1])).unbind(1)
    return outputs, targets
