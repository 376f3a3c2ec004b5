"""What a cohort of explored losses keeps beside its trials."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Explored:
    """How a cohort was proposed.

    Attributes:
        asked: How many points the sampler had been asked for by then; None where nobody counted.
        sampler: Which sampler proposed and why, in one line.
    """

    asked: int | None = None
    sampler: str | None = None
