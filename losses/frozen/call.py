"""What frozen losses do with their arguments besides computing; loss.py holds copies of these functions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..errors import UserError


def no_others(others: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Raise for what a loss does not take, unless it changes nothing.

    Args:
        others: Further positional arguments.
        keywords: Keyword arguments; what is None, and the number of items by which the trainer of Hugging
            Face scales a sum, change nothing about a mean.

    Raises:
        UserError: One of them would have to change the loss.
    """
    if others:
        raise UserError(
            f"a loss takes outputs, targets and sample_weight=, but got {2 + len(others)} unnamed arguments"
        )
    for name, value in keywords.items():
        if value is not None and name != "num_items_in_batch":
            raise UserError(
                f"a loss takes outputs, targets and sample_weight=, but got {name}={value!r:.60}; leave it "
                "out, for what a loss does is in its parameters"
            )


def standardised(outputs: Tensor, targets: Tensor, mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
    """Predictions and targets in the targets' own units, less their mean and over their spread.

    Args:
        outputs: (N, ...), or (N, ..., 2) whose second number is ln of the variance of standardised targets.
        targets: (N, ...).
        mean: () or (D,), of the training targets.
        spread: Likewise.
    """
    if outputs.dim() > targets.dim():
        means = (outputs[..., 0] - mean) / spread
        return torch.stack([means, outputs[..., 1]], -1), (targets - mean) / spread
    return (outputs - mean) / spread, (targets - mean) / spread
