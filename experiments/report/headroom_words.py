"""What tuning the standard losses told of the task, in words; and what it cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...search.records import HeadroomAssessment
from ...search.statistics import TWO_SIDED_95
from ..results.search_document import SearchDocument


@dataclass(frozen=True)
class Distance:
    """A difference between scores and what it stands for.

    Attributes:
        name: What the difference stands for, in words.
        value: The difference in the metric's units; positive is better.
    """

    name: str
    value: float


def headroom_words(document: SearchDocument) -> str:
    """What the comparison of the standard losses showed, and what the search then found; or nothing."""
    found = document.headroom
    if found is None:
        return ""
    if found.error is None or found.gap is None:  # one repeat, or one loss: nothing to compare
        said = found.message.removeprefix("headroom: ")
        return f"{said[:1].upper()}{said[1:]}."
    return " ".join(_sentences(document, found, found.gap, found.error))


def _sentences(
    document: SearchDocument, found: HeadroomAssessment, gap: float, error: float
) -> Iterator[str]:
    n, by_chance = document.decimals, TWO_SIDED_95 * error
    yield "The standard losses were tuned first and compared with each other, on validation data."
    if found.usual is not None and found.usual != found.best_standard:
        more = "more" if found.matters else "no more"
        yield (
            f"The best of them, {found.best_standard}, is ahead of {found.usual}, the usual loss, by "
            f"{gap:.{n}f}; that is {more} than the {by_chance:.{n}f} that equal losses may differ by."
        )
    else:
        yield (
            f"The usual loss, {found.best_standard}, is the best of them; equal losses may differ by "
            f"{by_chance:.{n}f}."
        )
    yield "That says nothing of searched losses, which were not tried by then:"
    if found.detectable is not None:
        yield f"one has to be ahead by {found.detectable:.{n}f} for this search to find it nine times in ten."
    verdict = document.verdict
    challenger = None if verdict is None else verdict.challenger
    if verdict is not None and challenger is not None and challenger.ahead is not None:
        lead = verdict.sign * challenger.ahead.difference
        side = "ahead of" if lead >= 0 else "behind"
        name = verdict.best_standard.standard
        yield f"The one it found is {side} {name} by {abs(lead):.{n}f}, on the data of the verdict."


def distances(document: SearchDocument) -> list[Distance]:
    """How far apart losses are here, by chance and otherwise; none where nothing was compared."""
    found, verdict = document.headroom, document.verdict
    if found is None or found.error is None or found.gap is None:
        return []
    rows = [Distance("equal losses, by chance (95%)", TWO_SIDED_95 * found.error)]
    if found.usual is not None and found.usual != found.best_standard:
        rows.append(Distance(f"{found.best_standard} ahead of {found.usual}, both tuned", found.gap))
    if found.detectable is not None:
        rows.append(Distance("a searched loss, to be found nine times in ten", found.detectable))
    challenger = None if verdict is None else verdict.challenger
    if verdict is not None and challenger is not None and challenger.ahead is not None:
        lead = verdict.sign * challenger.ahead.difference
        rows.append(Distance(f"the searched loss ahead of {verdict.best_standard.standard}", lead))
    return rows
