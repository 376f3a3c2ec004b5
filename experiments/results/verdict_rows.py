"""A verdict as rows: the winner, then every loss it was compared with; all tables of it are made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...search.records import Comparison, RefitScores, Verdict

SEARCHED = "best searched loss"
SAME = 1e-6  # two losses that differ by a factor alone end in scores that differ by rounding


@dataclass(frozen=True)
class VerdictRow:
    """One loss of a verdict.

    Attributes:
        names: What it is called; standard losses that are one loss share a row.
        learning_rate: What it was refitted with.
        scores: What its refits score.
        lead: How far the winner is ahead of it, better counted positive whichever way the metric goes; None
            for the winner itself.
        p_value: That of `lead`, corrected for the number of losses in the table (Holm).
        at_floor: Whether the resamplings cannot tell a smaller p-value, so that it is at most that.
    """

    names: tuple[str, ...]
    learning_rate: float
    scores: RefitScores
    lead: Comparison | None = None
    p_value: float = 1.0
    at_floor: bool = False

    @property
    def label(self) -> str:
        """Its names in one line."""
        return " = ".join(self.names)

    @property
    def chance(self) -> str:
        """Its p-value for people."""
        return chance(self.p_value, at_floor=self.at_floor)


def chance(p: float, *, at_floor: bool = False) -> str:
    """Write a p-value for people: "0.0312", "< 0.0010".

    Args:
        p: Between 0 and 1.
        at_floor: Whether the resamplings cannot tell a smaller one.
    """
    shown = f"{p:.4f}" if p >= 1e-4 else "0.0001"
    return f"< {shown}" if at_floor or p < 1e-4 else shown


def verdict_rows(verdict: Verdict) -> list[VerdictRow]:
    """List the winner, then the losses it was compared with, the strongest first."""
    winner = verdict.winner
    rows = [VerdictRow((winner.standard or "searched loss",), winner.learning_rate, winner.scores)]
    for row in _others(verdict):
        same = next((place for place, known in enumerate(rows) if _one_loss(known, row)), None)
        if same is None:
            rows.append(row)
        else:
            rows[same] = replace(rows[same], names=(*rows[same].names, *row.names))
    first, *others = rows
    return [first, *sorted(others, key=lambda row: -verdict.sign * row.scores.mean)]


def _one_loss(known: VerdictRow, row: VerdictRow) -> bool:
    """Whether two losses are trained alike, but for a factor that the optimizer takes out again."""
    ours, theirs = ((one.scores.mean, *one.scores.by_repeat) for one in (known, row))
    pairs = zip(ours, theirs, strict=True)
    alike = known.learning_rate == row.learning_rate and all(
        math.isclose(*pair, rel_tol=SAME) for pair in pairs
    )
    if known.lead is not None or row.lead is None:
        return alike
    reach = max(abs(row.lead.ci_low), abs(row.lead.ci_high))  # beside the winner: on whichever samples
    return alike and reach <= SAME * abs(known.scores.mean)


def _others(verdict: Verdict) -> Iterator[VerdictRow]:
    for name, row in verdict.against.items():
        if name != verdict.winner.standard:
            rate = row.scores.learning_rate or 0.0
            yield _row(verdict, name, rate, row.scores, row.behind, row.p_value_holm)
    searched = verdict.challenger
    if searched is not None and searched.ahead is not None and verdict.winner.standard is not None:
        behind = turned(searched.ahead, -1)
        rate, p_holm = searched.learning_rate, searched.p_value_holm
        yield _row(verdict, SEARCHED, rate, searched.scores, behind, p_holm)


def _row(
    verdict: Verdict, name: str, rate: float, scores: RefitScores, behind: Comparison, p_holm: float | None
) -> VerdictRow:
    p, at_floor = behind.p_value if p_holm is None else p_holm, behind.p_value <= verdict.p_floor
    return VerdictRow((name,), rate, scores, turned(behind, verdict.sign), p, at_floor)


def turned(ahead: Comparison, sign: int) -> Comparison:
    """Turn a comparison round where that makes better positive.

    Args:
        ahead: One loss minus another.
        sign: 1 leaves it as it is, -1 makes it the other minus the one.
    """
    if sign > 0:
        return ahead
    effect = None if ahead.effect_size is None else -ahead.effect_size
    low, high = -ahead.ci_high, -ahead.ci_low
    return replace(ahead, difference=-ahead.difference, ci_low=low, ci_high=high, effect_size=effect)
