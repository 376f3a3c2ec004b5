"""A verdict as rows: the winner, then every loss it was compared with; all tables of it are made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...search.records import Comparison, RefitScores, Verdict

SEARCHED = "best searched loss"


@dataclass(frozen=True)
class VerdictRow:
    """One loss of a verdict.

    Attributes:
        names: What it is called; standard losses that are one loss share a row.
        learning_rate: What it was refitted with.
        scores: What its refits score.
        versus: The winner minus this loss; None for the winner itself.
        p_value: That of `versus`, corrected for the number of standard losses (Holm) where this is one.
    """

    names: tuple[str, ...]
    learning_rate: float
    scores: RefitScores
    versus: Comparison | None = None
    p_value: float = 1.0

    @property
    def label(self) -> str:
        """Its names in one line."""
        return " = ".join(self.names)


def verdict_rows(verdict: Verdict) -> list[VerdictRow]:
    """The winner first, then the losses it was compared with, the strongest first."""
    winner = verdict.winner
    first = VerdictRow((winner.standard or "searched loss",), winner.learning_rate, winner.scores)
    rows: dict[tuple[float, float], VerdictRow] = {}
    for row in _others(verdict):
        key = row.scores.mean, row.learning_rate
        known = rows.get(key)
        rows[key] = row if known is None else replace(row, names=(*known.names, *row.names))
    return [first, *sorted(rows.values(), key=lambda row: -verdict.sign * row.scores.mean)]


def _others(verdict: Verdict) -> Iterator[VerdictRow]:
    for name, row in verdict.against.items():
        if name != verdict.winner.standard:
            p = row.behind.p_value if row.p_value_holm is None else row.p_value_holm
            yield VerdictRow((name,), row.scores.learning_rate or 0.0, row.scores, row.behind, p)
    searched = verdict.challenger
    if searched is not None and searched.ahead is not None and verdict.winner.standard is not None:
        versus = _turned(searched.ahead)
        yield VerdictRow((SEARCHED,), searched.learning_rate, searched.scores, versus, versus.p_value)


def _turned(ahead: Comparison) -> Comparison:
    """One loss minus another, as the other minus the one."""
    low, high = -ahead.ci_high, -ahead.ci_low
    return replace(ahead, difference=-ahead.difference, ci_low=low, ci_high=high)
