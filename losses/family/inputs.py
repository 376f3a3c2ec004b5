"""The door of a loss: outputs and targets in the shapes that the family computes with."""

from __future__ import annotations

import torch
from torch import Tensor

from ..declarations import Kind
from ..errors import UserError


def shaped(
    kind: Kind, outputs: Tensor, targets: Tensor, *, two_outputs: bool = False
) -> tuple[Tensor, Tensor]:
    """Outputs and targets in the shapes and dtypes the family expects, or a `UserError`.

    - multiclass: logits (N, K) with integer class indices (N,); dense logits (N, K, ...) with (N, ...)
      become (N ..., K) and (N ...,).
    - binary: logits and zeros and ones of one shape, flattened. A dimension of one that only one side has, as
      models with a single output have, is dropped, because (N, 1) against (N,) would silently broadcast.
    - multilabel: logits and zeros and ones, both (N, L).
    - regression: predictions and targets of one shape, (N,) or (N, ...). With `two_outputs`, predictions may
      have a last axis of two that the targets lack: mean and ln variance.
    """
    got = f"but got {tuple(outputs.shape)} and {tuple(targets.shape)}"
    if not outputs.is_floating_point():
        raise UserError(
            f"outputs must be floating-point numbers, but got {outputs.dtype}; use outputs.float()"
        )
    if kind == "multiclass":
        return _multiclass(outputs, targets, got)
    if targets.is_complex():
        raise UserError(f"{kind} targets must be real numbers, but got {targets.dtype}")
    if kind != "multilabel":
        outputs, targets = _without_single(outputs, targets)
    fits = outputs.shape == targets.shape or (two_outputs and outputs.shape == (*targets.shape, 2))
    if not fits or outputs.dim() == 0 or (kind == "multilabel" and outputs.dim() != 2):
        shape = " (N, L)" if kind == "multilabel" else ""
        raise UserError(f"{kind} outputs and targets must have one shape{shape}, {got}")
    targets = targets.to(torch.promote_types(outputs.dtype, torch.float32))
    return (outputs.flatten(), targets.flatten()) if kind == "binary" else (outputs, targets)


def _multiclass(outputs: Tensor, targets: Tensor, got: str) -> tuple[Tensor, Tensor]:
    dense = outputs.shape[:1] + outputs.shape[2:]
    if outputs.dim() < 2 or targets.shape != dense or outputs.shape[1] < 2:
        remedy = "; probabilities as targets are not supported" if targets.shape == outputs.shape else ""
        raise UserError(
            "multiclass outputs must be (N, K) with K >= 2 and targets (N,), or (N, K, ...) and (N, ...), "
            f"{got}{remedy}"
        )
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        raise UserError(
            f"multiclass targets must be integer class indices, but got {targets.dtype}; use targets.long()"
        )
    if outputs.dim() > 2:
        outputs, targets = outputs.movedim(1, -1).flatten(0, -2), targets.flatten()
    return outputs, targets.long()


def _without_single(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Without a dimension of one behind the samples: (N, 1) as (N,), (N, 1, H, W) as (N, H, W)."""
    if outputs.dim() > 1 and outputs.shape[1] == 1 and outputs.dim() != targets.dim():
        outputs = outputs.squeeze(1)
    if targets.dim() > 1 and targets.shape[1] == 1 and outputs.dim() != targets.dim():
        targets = targets.squeeze(1)
    if outputs.dim() == targets.dim() == 2 and outputs.shape[1] == targets.shape[1] == 1:
        outputs, targets = outputs.squeeze(1), targets.squeeze(1)
    return outputs, targets


def ignored(outputs: Tensor, targets: Tensor, index: int) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs and targets with 0 where the target is `index`, and the mask: 1 where it is not.

    The inputs are replaced, not only the result: a weight of zero times an infinite loss would be NaN.
    """
    there = targets != index
    clean = torch.where(there.unsqueeze(-1) if outputs.dim() > targets.dim() else there, outputs, 0)
    return clean, torch.where(there, targets, 0), there.to(outputs.dtype)
