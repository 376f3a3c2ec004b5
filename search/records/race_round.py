"""One round of the race, as it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .candidate import Repeat
from .outcome import Measurement

DIGITS = 7  # of a resampled score: they are many, and are read for their spread alone


@dataclass(frozen=True)
class RaceRound:
    """What the contenders of a round scored, by the numbers of their trials.

    Attributes:
        scores: The score on each of `repeats`; None for a contender that diverged.
        resampled: The mean score under each resampling of the held-out samples, where the runner gave it.
        repeats: What the round was trained on.
        offsets: For contenders whose cut-off is tuned, what was added to their outputs, the mean over the
            repeats.
    """

    scores: Mapping[int, Sequence[float] | None]
    resampled: Mapping[int, Sequence[float]] = field(default_factory=dict)
    repeats: Sequence[Repeat] = ()
    offsets: Mapping[int, Sequence[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, measured: Mapping[int, Measurement], repeats: Sequence[Repeat]) -> RaceRound:
        """Return what is kept of the measurements of a round.

        Args:
            measured: The measurements of the contenders, by the numbers of their trials.
            repeats: What the round was trained on.
        """
        return cls(
            {number: one.outcome.scores if one.complete else None for number, one in measured.items()},
            {
                number: [float(f"{score:.{DIGITS}g}") for score in one.resampled]
                for number, one in measured.items()
                if one.complete and one.resampled
            },
            repeats,
            {n: one.outcome.offsets for n, one in measured.items() if one.complete and one.outcome.offsets},
        )

    def to_json(self) -> dict[str, Any]:
        """Return the round as JSON holds it."""
        document: dict[str, Any] = {
            "scores": {str(n): None if found is None else list(found) for n, found in self.scores.items()},
            "resampled": {str(n): list(found) for n, found in self.resampled.items()},
            "repeats": [[r.seed, r.fold, r.partition] for r in self.repeats],
        }
        if self.offsets:
            document["offsets"] = {str(n): list(found) for n, found in self.offsets.items()}
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RaceRound:
        """Return the round that a document describes."""
        return cls(
            {int(n): None if found is None else tuple(found) for n, found in document["scores"].items()},
            {int(n): tuple(found) for n, found in document.get("resampled", {}).items()},
            tuple(Repeat(*values) for values in document["repeats"]),
            {int(n): tuple(found) for n, found in document.get("offsets", {}).items()},
        )
