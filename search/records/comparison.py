"""Two losses compared on paired refits, and what one loss scores in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


def decimals(score: float | None) -> int:
    """How many decimals show four digits of a score: 4 for 0.8, 2 for 53, 0 for 53,000; 4 for None."""
    if score is None or score == 0 or not math.isfinite(score):
        return 4
    return min(max(3 - math.floor(math.log10(abs(score))), 0), 12)


@dataclass(frozen=True)
class Comparison:
    """One loss minus another, on the same repeats and the same samples, in the metric's units.

    Attributes:
        difference: The mean of the paired differences.
        ci_low: The lower end of its 95% interval.
        ci_high: The upper end.
        p_value: Two-sided, from the same bootstrap as the interval.
        wilcoxon_p: Two-sided p-value of the signed-rank test over the refits; None where it was not asked.
        effect_size: The mean difference in standard deviations of the differences (Cohen's d for pairs); None
            where they do not vary, or where it was not asked.
    """

    difference: float
    ci_low: float
    ci_high: float
    p_value: float
    wilcoxon_p: float | None = None
    effect_size: float | None = None

    def toward_better(self, sign: int) -> tuple[float, float]:
        """Return the interval, low end first, with better counted positive (`sign`: the metric's)."""
        low, high = sorted((sign * self.ci_low, sign * self.ci_high))
        return low, high

    def words(self, sign: int, sources: Sequence[str] = (), decimals: int = 4) -> str:
        """Return the comparison in words, with better counted positive.

        Args:
            sign: +1 where a greater score is better, -1 where a smaller one is.
            sources: The kinds of luck that the interval covers, where they are to be told.
            decimals: Of the numbers, as suits the scores that are compared.
        """
        low, high = self.toward_better(sign)
        alone = " over refits alone" if tuple(sources) == ("refits",) else ""
        side = "ahead" if sign * self.difference >= 0 else "behind"
        span = f"{low:+.{decimals}f} to {high:+.{decimals}f}"
        return f"{side} by {abs(self.difference):.{decimals}f}, 95% interval{alone} {span}"

    def to_json(self) -> dict[str, float | None]:
        """Return the comparison as JSON holds it; what was not asked is left out."""
        found: dict[str, float | None] = {
            "difference": self.difference,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "p_value": self.p_value,
        }
        if self.wilcoxon_p is None:
            return found
        return {**found, "wilcoxon_p": self.wilcoxon_p, "effect_size": self.effect_size}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Comparison:
        """Return the comparison that a document, or a row that joins it with more, describes."""
        return cls(
            difference=float(document["difference"]),
            ci_low=float(document["ci_low"]),
            ci_high=float(document["ci_high"]),
            p_value=float(document["p_value"]),
            wilcoxon_p=document.get("wilcoxon_p"),
            effect_size=document.get("effect_size"),
        )


@dataclass(frozen=True)
class RefitScores:
    """What the refits of one loss score.

    Attributes:
        mean: The mean over the refits, in the metric's units.
        sd: Their sample standard deviation.
        by_repeat: The score of each refit; the same place is the same seed for every loss.
        learning_rate: What the refits were trained with, where it is told beside them.
    """

    mean: float
    sd: float
    by_repeat: tuple[float, ...]
    learning_rate: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the scores as JSON holds them."""
        found = {"mean": self.mean, "sd": self.sd, "by_repeat": list(self.by_repeat)}
        return found if self.learning_rate is None else {**found, "learning_rate": self.learning_rate}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RefitScores:
        """Return the scores that a document, or a row that joins them with more, describes."""
        rate = document.get("learning_rate")
        scores = tuple(map(float, document["by_repeat"]))
        return cls(
            float(document["mean"]), float(document["sd"]), scores, None if rate is None else float(rate)
        )
