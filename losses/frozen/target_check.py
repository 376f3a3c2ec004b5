"""The values of targets: looked at where that costs nothing, and never made a wrong number elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import UserError


def checked_targets(
    targets: Tensor, rule: str, most: int | None, ignored: float | None
) -> tuple[Tensor, Tensor | None]:
    """Targets that can be computed with, and what the loss is to be multiplied with; None for nothing.

    Where values can be looked at, a wrong target raises. Elsewhere it becomes 0, and the factor is NaN.

    Args:
        targets: Of any shape.
        rule: What targets must be, in words: "binary targets must be 0 or 1".
        most: The largest of the whole numbers from 0 that a target may be; None for any finite number.
        ignored: The target that does not count; None where all do.

    Raises:
        UserError: A target is wrong, and could be looked at.
    """
    right = all_right(targets, most)
    if right:
        return targets, None
    wrong = wrong_targets(targets, most, ignored)
    if right is None:
        return torch.where(wrong, 0, targets), torch.where(wrong.any(), torch.nan, 1.0)
    if bool(wrong.any()):
        remedy = "set ignore_index for targets that should not count"
        remedy = "leave such samples out" if most is None else remedy
        raise UserError(f"{rule}, but got {targets[wrong][0].item():g}; {remedy}")
    return targets, None


def all_right(targets: Tensor, most: int | None) -> bool | None:
    """Whether no target is wrong or ignored, in two passes; None where values cannot be looked at.

    Args:
        targets: Of any shape.
        most: As of `checked_targets`.
    """
    if targets.device.type != "cpu" or torch.compiler.is_compiling():
        return None
    if targets.numel() == 0:
        return True
    try:
        low, high = (value.item() for value in targets.aminmax())
    except RuntimeError:  # under vmap a tensor stands for many
        return None
    if most is None:
        return low - low == 0 == high - high
    return low >= 0 and high <= most and not (targets.is_floating_point() and bool(targets.frac().any()))


def wrong_targets(targets: Tensor, most: int | None, ignored: float | None) -> Tensor:
    """True where a target is neither a whole number from 0 to `most` (a finite one) nor the ignored one.

    Args:
        targets: Of any shape.
        most: As of `checked_targets`.
        ignored: As of `checked_targets`.
    """
    if most is None:
        return ~targets.isfinite() if ignored is None else targets.isinf()
    number, whole = targets.float(), targets.long()
    wrong = (whole < 0) | (whole > most) | (number != whole)
    return wrong if ignored is None else wrong & (targets != ignored)
