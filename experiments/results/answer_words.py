"""What a verdict comes to, in one line: which loss to use, and how far it is ahead of the usual one."""

from __future__ import annotations

from ...search.records import Comparison, Verdict


def answer_line(verdict: Verdict) -> str:
    """Say which loss to use and what that gains; better is ahead, whichever way the metric goes.

    The gain is over the loss that people use where they do not choose, for that is what the reader has now.

    Args:
        verdict: The verdict of a search.
    """
    if verdict.compared is not None:
        return verdict.compared.answer
    own, usual = verdict.recommended, verdict.usual
    name = own.standard or "the searched loss"
    beaten = "" if own.standard is None else f"; {_searched(verdict)}"
    if verdict.gain is None or usual is None:
        return f"{'stay with' if own.standard else 'use'} {name}{beaten}"
    low, high = verdict.gain.toward_better(verdict.sign)
    n = verdict.decimals
    chance = "" if low > 0 else ", which may be chance"
    return (
        f"use {name}: {side(verdict.gain, verdict.sign)} {usual.standard} by "
        f"{abs(verdict.gain.difference):.{n}f} (95%: {low:+.{n}f} to {high:+.{n}f}){chance}{beaten}"
    )


def side(ahead: Comparison, sign: int) -> str:
    """Say on which side of the other a loss is.

    Args:
        ahead: The loss minus the other.
        sign: +1 where a greater score is better, -1 where a smaller one is.
    """
    return "ahead of" if sign * ahead.difference >= 0 else "behind"


def _searched(verdict: Verdict) -> str:
    """What came of searching, where a standard loss is the answer."""
    if verdict.challenger is None:
        return "no searched loss survived the race"
    return "nothing searched beat it"
