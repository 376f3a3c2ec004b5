"""What a user's function says its score is."""

from __future__ import annotations

import math

from ....losses.errors import UserError


def number(value: object, rule: str) -> float:
    """`value` as a float, be it a number, a 0-d tensor or a NumPy scalar; else `UserError` with this rule."""
    try:
        # Text that reads as a number is a mistake all the same.
        return float(str if isinstance(value, str | bytes | bool) else value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        got = "None" if value is None else f"{str(value)[:60]!r} of type {type(value).__name__}"
        raise UserError(
            f"{rule} the metric as one number, but got {got}; "
            "compute it on held-out data and give it as a float"
        ) from None


def healthy(value: float) -> bool:
    """Whether a score can be compared at all."""
    return math.isfinite(value)
