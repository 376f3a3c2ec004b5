"""What a comparison of named losses says: of each pair that matters, and in all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .comparison import Comparison

PairFinding = Literal["better", "no better", "worse"]


@dataclass(frozen=True)
class Pair:
    """Two named losses on the sealed test data.

    Attributes:
        loss: The name of the one.
        other: The name of the other.
        finding: What the one is beside the other.
        ahead: The one minus the other, in the metric's units.
        p_value_holm: The p-value, corrected for the number of pairs with the same `other` (Holm).
        sentence: The finding in words, with better counted positive.
    """

    loss: str
    other: str
    finding: PairFinding
    ahead: Comparison
    p_value_holm: float
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Return the pair as JSON holds it."""
        return {
            "loss": self.loss,
            "other": self.other,
            "finding": self.finding,
            **self.ahead.to_json(),
            "p_value_holm": self.p_value_holm,
            "sentence": self.sentence,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Pair:
        """Return the pair that a document describes."""
        return cls(
            document["loss"],
            document["other"],
            document["finding"],
            Comparison.from_json(document),
            float(document["p_value_holm"]),
            document["sentence"],
        )


@dataclass(frozen=True)
class NamedComparison:
    """A verdict about losses that were named, none of them searched.

    Attributes:
        baseline: The name of the loss that the others are compared with: the one that was named first.
        answer: Which loss to use, in one line.
        pairs: Every other loss beside the baseline, and where another one is the loss to use, the others
            beside that one.
        tuned_to: The name of the point of the grid that a loss was best at, by the loss's name; empty where
            parameters were not tuned.
        left_out: Losses that diverged at every learning rate.
    """

    baseline: str
    answer: str
    pairs: tuple[Pair, ...]
    tuned_to: Mapping[str, str]
    left_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON holds it."""
        return {
            "baseline": self.baseline,
            "answer": self.answer,
            "pairs": [pair.to_json() for pair in self.pairs],
            "tuned_to": dict(self.tuned_to),
            "left_out": list(self.left_out),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> NamedComparison:
        """Return the comparison that a document describes."""
        return cls(
            document["baseline"],
            document["answer"],
            tuple(map(Pair.from_json, document["pairs"])),
            document["tuned_to"],
            tuple(document["left_out"]),
        )
