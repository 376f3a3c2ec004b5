"""The door of a loss: outputs and targets in the shapes that the family computes with."""

from __future__ import annotations

from collections.abc import Callable

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
    return entered(kind_named(kind).shaped, outputs, targets, two_outputs=two_outputs)


def entered(
    shapes: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    outputs: Tensor,
    targets: Tensor,
    *,
    two_outputs: bool = False,
) -> tuple[Tensor, Tensor]:
    """Outputs and targets in shape, as `shaped` returns them, given what brings those of the kind into shape.

    Args:
        shapes: `ProblemKind.shaped` of the kind.
        outputs: What a model puts out, (N, ...).
        targets: (N, ...).
        two_outputs: See `shaped`.

    Raises:
        UserError: A shape or dtype is another.
    """
    for name, value in (("outputs", outputs), ("targets", targets)):
        if not isinstance(value, Tensor):
            remedy = "its logits" if hasattr(value, "logits") else "the tensor that it holds"
            raise UserError(f"{name} must be a tensor, but got {type(value).__name__}; pass {remedy}")
    if not outputs.is_floating_point():
        raise UserError(
            f"outputs must be floating-point numbers, but got {outputs.dtype}; use outputs.float()"
        )
    if two_outputs and outputs.dim() > targets.dim() and outputs.shape[-1] == 2:
        means, targets = shapes(outputs[..., 0], targets)
        return outputs.reshape(*means.shape, 2), targets
    return shapes(outputs, targets)


def ignored(outputs: Tensor, targets: Tensor, index: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs and targets with 0 where a target does not count, and the mask: 1 where it does.

    The inputs are replaced, not only the result: a weight of zero times an infinite loss would be NaN.

    Args:
        outputs: In the shapes of `shaped`.
        targets: Likewise.
        index: The target that does not count; None for NaN.
    """
    there = ~targets.isnan() if index is None else targets != index
    clean = torch.where(there.unsqueeze(-1) if outputs.dim() > targets.dim() else there, outputs, 0)
    return clean, torch.where(there, targets, 0), there.to(outputs.dtype)


def weighed(
    outputs: Tensor, targets: Tensor, sample_weight: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Outputs with 0 where a sample has weight 0, and how much each target counts: a mask that is not 0 or 1.

    Args:
        outputs: In the shapes of `shaped`.
        targets: Likewise; dense ones are flattened, sample by sample.
        sample_weight: (N,), at least 0.
        mask: What `ignored` returns, where something is ignored.
    """
    each = sample_weight.to(outputs.dtype).reshape(-1, 1)
    weight = each.expand(-1, targets.numel() // max(1, len(each))).reshape(targets.shape)
    weight = weight if mask is None else weight * mask
    there = weight != 0
    return torch.where(there.unsqueeze(-1) if outputs.dim() > targets.dim() else there, outputs, 0), weight


def check_weight(sample_weight: Tensor, samples: int) -> None:
    """Raise `UserError` unless there is one floating-point weight for each sample.

    Args:
        sample_weight: (N,).
        samples: N.
    """
    if sample_weight.shape != (samples,) or not sample_weight.is_floating_point():
        raise UserError(
            f"sample_weight must be one floating-point number for each sample, ({samples},), but got "
            f"{sample_weight.dtype} of shape {tuple(sample_weight.shape)}"
        )
