"""What a piece of a cohort is given on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ....losses.errors import UserError, unknown

LEASE_S = 600.0


@dataclass(frozen=True)
class Resources:
    """Cores and GPUs of one piece, fractions allowed, and the seconds it may train an epoch in silence.

    A worker of which nothing is heard for `lease_s` is replaced and its piece given to another. Raises
    `UserError` for a value that cannot be.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    lease_s: float = LEASE_S

    def __post_init__(self) -> None:
        for name, least in (("cpus", 0.0), ("gpus", 0.0), ("lease_s", 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < 1e6:
                raise UserError(
                    f"resources: {name} must be a number of at least {least:g}, but got {value!r}"
                )
        if self.cpus == self.gpus == 0:
            raise UserError("resources: a piece must have cpus or gpus, but got 0 of both")
        for name in ("cpus", "gpus"):
            value = getattr(self, name)
            if value > 1 and value != int(value):
                raise UserError(
                    f"resources: {name} above 1 must be a whole number, but got {value:g}; "
                    f"a fraction such as 0.5 lets several pieces share one"
                )

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any]) -> Resources:
        """The resources a SPEC names; unknown keys are errors."""
        known = [field.name for field in fields(cls)]
        for key in document:
            if key not in known:
                raise unknown("key in resources", key, known)
        return cls(**document)

    def to_json(self) -> dict[str, Any]:
        """A plain document."""
        return asdict(self)

    def for_ray(self) -> dict[str, float]:
        """As Ray names them."""
        return {"CPU": self.cpus, **({"GPU": self.gpus} if self.gpus else {})}
