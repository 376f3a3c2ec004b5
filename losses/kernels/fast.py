"""What stands in for a plain formula where speed counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fast:
    """Functions that compute the same as a plain formula, in fewer passes, with their gradients written out.

    The contract compares each with the formula it stands in for, in value and gradient. As of every function
    of the family, the names of the positional arguments are the quantities it reads.

    Attributes:
        alone: Takes the formula's place in a frozen loss: numbers are floats, and it can be differentiated
            twice, compiled and mapped. It is used where all it reads is there.
        outputs: The names of what `alone` returns, where that is more than the formula does.
        members: Takes the formula's place where many losses are evaluated at once: inputs (M, N, ...), those
            that all members share (N, ...), numbers (M, 1, ...); differentiated once.
    """

    alone: Callable[..., Any] | None = None
    outputs: tuple[str, ...] = ()
    members: Callable[..., Any] | None = None


PLAIN = Fast()  # nothing stands in
