"""A score as a number, whatever library it comes from."""

from __future__ import annotations

from inspect import iscoroutine
from numbers import Complex, Real
from typing import Any

from torch import Tensor


def plain_number(value: Any) -> float:
    """A number, a 0-d tensor or a NumPy scalar as a float.

    Raises:
        TypeError: It is text, a truth value, complex or no number at all, for these are mistakes even where
            Python would convert them.
        ValueError: As `float` raises it.
        OverflowError: No float is as large.
    """
    if iscoroutine(value):
        value.close()  # or Python warns that nobody waited for it
    dtype = str(getattr(value, "dtype", ""))
    odd = isinstance(value, str | bytes | bool) or (
        isinstance(value, Complex) and not isinstance(value, Real)
    )
    if odd or "bool" in dtype or "complex" in dtype or "[" in dtype:  # datetime64[ns]
        raise TypeError(f"{type(value).__name__} is no real number")
    return float(value.detach() if isinstance(value, Tensor) else value)
