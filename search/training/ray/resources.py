"""What a worker is given on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ....losses.errors import UserError, unknown

LEASE_S = 600.0


@dataclass(frozen=True)
class Resources:
    """Cores and GPUs of one worker, and how long a worker may train an epoch in silence.

    Args:
        cpus: Cores, at least 0; below 1 several workers share one.
        gpus: GPUs, at least 0; below 1 several workers share one.
        lease_s: Seconds, at least 1: a worker that has not finished an epoch within them is replaced, and
            another is given its work.

    Raises:
        UserError: A value is no such number, or a worker would have neither cores nor GPUs.

    Example:
        >>> Resources(cpus=2).for_ray()
        {'CPU': 2}
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
            raise UserError("resources: a worker must have cpus or gpus, but got 0 of both")
        for name in ("cpus", "gpus"):
            value = getattr(self, name)
            if value > 1 and value != int(value):
                raise UserError(
                    f"resources: {name} above 1 must be a whole number, but got {value:g}; "
                    f"a fraction such as 0.5 lets several workers share one"
                )

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any]) -> Resources:
        """Read the `resources` of a SPEC; raises `UserError` for unknown keys too."""
        known = [field.name for field in fields(cls)]
        for key in document:
            if key not in known:
                raise unknown("key in resources", key, known)
        return cls(**document)

    def to_json(self) -> dict[str, Any]:
        """Write a document that `from_mapping` reads."""
        return asdict(self)

    def for_ray(self) -> dict[str, float]:
        """Name the resources as Ray does."""
        return {"CPU": self.cpus, **({"GPU": self.gpus} if self.gpus else {})}
