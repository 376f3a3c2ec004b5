"""The range of one searched number."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..losses.errors import UserError


@dataclass(frozen=True)
class Domain:
    """An interval of the reals.

        >>> rates = Domain(1e-4, 1e-2, log=True)
        >>> round(rates.at(0.5), 9), rates.clamp(1.0)
        (0.001, 0.01)

    Args:
        low: the lower end, included.
        high: the upper end, included; equal to `low` for a single value.
        log: whether the interval is searched evenly in the logarithm of its value, for which `low` must be
            above 0, instead of in the value.
    """

    low: float
    high: float
    log: bool = False

    def check(self, name: str) -> Domain:
        """This domain; a `UserError` that names the parameter and the rule where it is no interval."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise UserError(f"{name}: low <= high must hold, but got low={self.low:g}, high={self.high:g}")
        if self.log and self.low <= 0:
            raise UserError(
                f"{name}: a logarithmic range must start above 0, but got low={self.low:g}; set log: false"
            )
        return self

    def clamp(self, value: float) -> float:
        """The nearest value inside."""
        return min(max(value, self.low), self.high)

    def at(self, share: float) -> float:
        """The value `share` (0 to 1) of the way from `low` to `high`."""
        return self.clamp(self.beyond(share))

    def beyond(self, share: float) -> float:
        """As `at`, but a share below 0 or above 1 gives a value outside: 2 is one width above `high`."""
        if self.log:
            return math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        return self.low + share * (self.high - self.low)

    def share(self, value: float) -> float:
        """Where `value` lies in the domain, 0 to 1; the inverse of `at`."""
        if self.high == self.low:
            return 0.5
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)
