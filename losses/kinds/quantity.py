"""A value that parts of the family may ask for by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..kernels import PLAIN, Fast


@dataclass(frozen=True)
class Quantity:
    """How a value is computed from others, whose names its positional arguments are.

    Attributes:
        function: The formula, for one batch.
        of_shape: Whether it reads the logits for their shape alone: adjusting the logits leaves it true.
        broadcasts: Whether inputs may have any axes before the samples': see `Part.broadcasts`.
        expands: Whether all inputs must then have these axes, because their shapes are compared.
        fast: Functions that stand in for the formula.
    """

    function: Callable[..., Tensor]
    of_shape: bool = False
    broadcasts: bool = True
    expands: bool = False
    fast: Fast = PLAIN
