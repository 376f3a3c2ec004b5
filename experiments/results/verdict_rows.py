"""A verdict as rows: the winner, then every loss it was compared with; all tables of it are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SEARCHED = "best searched loss"


@dataclass(frozen=True)
class Versus:
    """The winner's mean less that of a loss, with its 95% interval and what chance alone would do.

    `p_value` is corrected for the number of standard losses (Holm), `wilcoxon_p` is over refits alone, and
    `effect_size` is None where the paired differences do not vary.
    """

    difference: float
    ci_low: float
    ci_high: float
    p_value: float
    wilcoxon_p: float
    effect_size: float | None


@dataclass(frozen=True)
class VerdictRow:
    """One loss of a verdict, by its names: standard losses that are one loss share a row.

    `versus` compares the winner with it, and is None for the winner itself.
    """

    names: tuple[str, ...]
    learning_rate: float
    mean: float
    sd: float
    versus: Versus | None = None

    @property
    def label(self) -> str:
        """Its names in one line."""
        return " = ".join(self.names)


def verdict_rows(verdict: Mapping[str, Any]) -> list[VerdictRow]:
    """The winner first, then the losses it was compared with, the strongest first."""
    winner, own = verdict["winner"], verdict["scores"]["winner"]
    first = VerdictRow(
        (winner["standard"] or "searched loss",), winner["learning_rate"], own["mean"], own["sd"]
    )
    rows: dict[tuple[float, float], VerdictRow] = {}
    for name, found in verdict["against"].items():
        if name == winner["standard"]:
            continue
        one = _row(name, found)
        known = rows.get((one.mean, one.learning_rate))
        rows[one.mean, one.learning_rate] = one if known is None else _joined(known, one)
    others = list(rows.values())
    if (searched := challenger_row(verdict)) is not None:
        others.append(_row(SEARCHED, searched))
    sign = 1 if verdict["greater_is_better"] else -1
    return [first, *sorted(others, key=lambda row: -sign * row.mean)]


def challenger_row(verdict: Mapping[str, Any]) -> dict[str, Any] | None:
    """How far the winner leads the best searched loss, where a standard loss won; else None.

    Its own entry compares it with the winner; here the winner comes first.
    """
    challenger = verdict.get("challenger")
    if challenger is None or verdict["winner"]["standard"] is None:
        return None
    return {
        **challenger,
        "difference": -challenger["difference"],
        "ci_low": -challenger["ci_high"],
        "ci_high": -challenger["ci_low"],
    }


def _row(name: str, found: Mapping[str, Any]) -> VerdictRow:
    versus = Versus(
        found["difference"],
        found["ci_low"],
        found["ci_high"],
        found.get("p_value_holm", found["p_value"]),
        found["wilcoxon_p"],
        found["effect_size"],
    )
    return VerdictRow((name,), found["learning_rate"], found["mean"], found["sd"], versus)


def _joined(known: VerdictRow, other: VerdictRow) -> VerdictRow:
    """One row for two names; what is told of it is the last one's."""
    return VerdictRow((*known.names, *other.names), other.learning_rate, other.mean, other.sd, other.versus)
