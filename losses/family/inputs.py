"""The door of a loss: outputs and targets in the shapes that the family computes with."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import UserError
from ..kinds import Kind, kind_named


def shaped(
    kind: Kind, outputs: Tensor, targets: Tensor, *, two_outputs: bool = False
) -> tuple[Tensor, Tensor]:
    """Outputs and targets in the shapes and dtypes the family computes with: `ProblemKind.shaped` says which.

    Args:
        kind: The kind of problem.
        outputs: What a model puts out, (N, ...).
        targets: (N, ...).
        two_outputs: Whether predictions may have a last axis of two that the targets lack: mean and ln
            variance.

    Raises:
        UserError: A shape or dtype is another; the message names the rule.
    """
    if not outputs.is_floating_point():
        raise UserError(
            f"outputs must be floating-point numbers, but got {outputs.dtype}; use outputs.float()"
        )
    shapes = kind_named(kind).shaped
    if two_outputs and outputs.dim() > targets.dim() and outputs.shape[-1] == 2:
        means, targets = shapes(outputs[..., 0], targets)
        return outputs.reshape(*means.shape, 2), targets
    return shapes(outputs, targets)


def ignored(outputs: Tensor, targets: Tensor, index: int) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs and targets with 0 where the target is `index`, and the mask: 1 where it is not.

    The inputs are replaced, not only the result: a weight of zero times an infinite loss would be NaN.
    """
    there = targets != index
    clean = torch.where(there.unsqueeze(-1) if outputs.dim() > targets.dim() else there, outputs, 0)
    return clean, torch.where(there, targets, 0), there.to(outputs.dtype)
