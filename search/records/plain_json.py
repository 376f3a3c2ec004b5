"""Numbers as JSON can hold them: JSON has neither NaN nor infinity."""

from __future__ import annotations

import math


def finite_or_none(value: float) -> float | None:
    """Return `value`, or None where it is NaN or infinite."""
    return value if math.isfinite(value) else None


def nan_if_none(value: float | None) -> float:
    """Return `value` as a float, or NaN where a document has null."""
    return math.nan if value is None else float(value)
