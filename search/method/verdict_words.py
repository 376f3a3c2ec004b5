"""The verdict in a sentence or two."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..records import Verdict


def sentence_of(found: Verdict, task: str) -> str:
    """Return what the verdict shows and which loss to use, with better counted positive throughout.

    Args:
        found: The verdict.
        task: The task's name.
    """
    metric, standard = found.metric, found.best_standard.standard
    own, theirs, n = found.winner.scores.mean, found.best_standard.scores.mean, found.decimals
    data = "test data" if found.scored_on == "test" else "its validation data, with fresh seeds,"
    reached = f"on {task} the searched loss reaches {metric} {own:.{n}f} on {data} against {theirs:.{n}f} for"
    interval = found.ahead.words(found.sign, found.sources, n)
    gain = f"{_gain(found)}{_cutoff(found)}"
    if found.better:
        return f"Better: {reached} the best tuned standard loss, {standard} ({interval}).{gain}"
    if found.conclusion == "no worse":
        return (
            f"No worse: {reached} {standard}, and by the margin of {found.margin:g} it is not below it "
            f"({interval}).{gain}"
        )
    if found.winner.standard is None:
        advice = (
            "It led the race by more than chance allows and leads here, so use it"
            if found.use == "winner"
            else f"It led the race but not here, so use {found.recommended.standard}"
        )
        return f"Not shown to be better: {reached} {standard} ({interval}). {advice}.{gain}"
    return f"Not better: {_nothing_crowned(found, task)} {_standard_to_use(found, data.rstrip(','))}{gain}"


def _nothing_crowned(found: Verdict, task: str) -> str:
    challenger = found.challenger
    if challenger is None or challenger.ahead is None:
        return f"no searched loss survived the race on {task}."
    ahead = challenger.ahead.words(found.sign, found.sources, found.decimals)
    return (
        f"on {task} no searched loss led the race by more than chance allows (on test data the best of them "
        f"is {ahead}, against {found.best_standard.standard}, which led it)."
    )


def _standard_to_use(found: Verdict, data: str) -> str:
    name = found.recommended.standard
    score = f"{found.metric} {found.recommended.scores.mean:.{found.decimals}f} on {data}"
    if found.use == "usual":
        return f"No standard loss was told apart from {name} either, so stay with {name}: {score}."
    return f"Use {name}, the standard loss that led it: {score}."


def _gain(found: Verdict) -> str:
    """How far the loss to use is ahead of what people use where they do not choose."""
    own, usual = found.recommended, found.usual
    if found.gain is None or usual is None:
        return ""
    if own.standard is None and usual.number == found.best_standard.number:
        return ""  # it is told already
    name = own.standard or "the searched loss"
    score = f"{found.metric} {usual.scores.mean:.{found.decimals}f}"
    ahead = found.gain.words(found.sign, found.sources, found.decimals)
    return f" Against {usual.standard}, the usual loss ({score}), {name} is {ahead}."


def _cutoff(found: Verdict) -> str:
    """How to decide with a loss whose cut-off was tuned."""
    offsets = found.recommended.offsets
    return f" {cutoff_words(offsets)}" if offsets else ""


def cutoff_words(offsets: Sequence[float]) -> str:
    """How to decide with offsets that were tuned: one for a threshold, or one for each class or label."""
    if len(offsets) == 1:
        threshold = 1 / (1 + math.exp(min(max(offsets[0], -50.0), 50.0)))
        return f"Decide by a probability above {threshold:.3g} in place of .5, as it was compared."
    shown = ", ".join(f"{offset:+.3g}" for offset in offsets)
    return f"Add {shown} to the logits before deciding, as it was compared."
