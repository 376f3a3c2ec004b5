"""The score that a user's function returns or reports."""

from __future__ import annotations

import math

from ....losses.errors import UserError, one_line
from ...metrics.number import plain_number

LARGEST = 1e150  # the square of a score is a number too: spreads and tests of significance need it


def score_from(value: object, rule: str) -> float:
    """Read `value` as a score: a number, a 0-d tensor or a NumPy scalar.

    Args:
        value: What the function gave.
        rule: The beginning of the message, such as "train must return".

    Returns:
        The score; an infinity for whole numbers that no float holds.

    Raises:
        UserError: `value` is no number. Text that reads as one is a mistake all the same.
    """
    try:
        return plain_number(value)
    except OverflowError:
        return math.copysign(math.inf, 1 if value > 0 else -1)  # type: ignore[operator]
    except (TypeError, ValueError, RuntimeError):
        got = "None" if value is None else f"{one_line(value, 60)!r} of type {type(value).__name__}"
        raise UserError(
            f"{rule} the metric as one number, but got {got}; "
            "compute it on held-out data and give it as a float"
        ) from None


def comparable(score: float) -> bool:
    """Whether a score can be compared with others: it is finite, and small enough to be squared."""
    return abs(score) <= LARGEST
