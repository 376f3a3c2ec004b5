"""The course of the search: its trials, its headroom, what came to nothing."""

from __future__ import annotations

from ..results.search_document import SearchDocument
from ..spec import by_phase, format_duration
from .table import Table, table

LISTED = 20  # trials that came to nothing


def searched(document: SearchDocument) -> str:
    """How many trials there were, what became of them and what they took."""
    counts, seconds = document.counts, document.seconds
    said = (
        f"{sum(counts.values())} trials: {counts['complete']} ran to their end, {counts['pruned']} were "
        f"pruned "
        f"at a rung because they were behind, and {counts['diverged']} diverged."
    )
    if counts.get("rejected"):
        said += f" {counts['rejected']} were rejected untrained, for their gradients."
    phases, total = by_phase(seconds), seconds.get("total")
    if phases and total:
        said += f" It took {format_duration(total)} ({', '.join(phases)})."
    if document.race:
        repeats = sum(len(one.repeats) for one in document.race)
        entered, left = len(document.race[0].scores), len(document.race[-1].scores)
        said += (
            f" {entered} losses entered the race on fresh seeds, and {left} were left in its last "
            f"round; who stayed to the end was trained {repeats} times in it."
        )
    return said


def stopped(document: SearchDocument) -> Table:
    """The first trials that diverged or were rejected, and why."""
    diverged = [t for t in document.trials if t.state in ("diverged", "rejected")][:LISTED]
    rows = ((str(t.number), t.reason or "", t.standard or t.formula) for t in diverged)
    return table(("trial", "why", "loss"), rows, words=(1, 2))
