"""The range of one searched number."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..losses.errors import UserError


@dataclass(frozen=True)
class Domain:
    """An interval of the reals, searched evenly in its value or, with `log`, in its logarithm."""

    low: float
    high: float
    log: bool = False

    def check(self, name: str) -> Domain:
        """This domain, or a `UserError` that names the parameter and the rule it breaks."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise UserError(f"{name}: low <= high must hold, but got low={self.low:g}, high={self.high:g}")
        if self.log and self.low <= 0:
            raise UserError(f"{name}: a logarithmic range must start above 0, but got low={self.low:g}; set log: false")
        return self

    def clamp(self, value: float) -> float:
        """The nearest value inside."""
        return min(max(value, self.low), self.high)
