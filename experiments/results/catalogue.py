"""The searches of a store at a glance: one that is damaged is named, and hides no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...losses.errors import UserError
from ...search.records import Verdict
from ...search.records.typed_json import Damaged, fields_of
from ..store import DamagedSearch, SearchRecord, Store
from .reading import verdict_of
from .search_document import SearchSummary


@dataclass(frozen=True)
class VerdictSummary:
    """A verdict without its tables.

    Attributes:
        winner: Its name; None for a searched loss.
        best_standard: The name of the standard loss that led the race.
        score: The winner's mean on test data.
        metric: The metric's name.
        better: Whether the winner was shown to be better than every standard loss.
        difference: The winner minus the best standard loss, in the metric's units.
        ci_low: The lower end of its 95% interval.
        ci_high: The upper end.
        p_value: Two-sided, of that difference.
        sentence: The verdict in words.
    """

    winner: str | None
    best_standard: str | None
    score: float
    metric: str
    better: bool
    difference: float
    ci_low: float
    ci_high: float
    p_value: float
    sentence: str

    @classmethod
    def of(cls, verdict: Verdict) -> VerdictSummary:
        """Summarise a verdict."""
        ahead = verdict.ahead
        return cls(
            verdict.winner.standard,
            verdict.best_standard.standard,
            verdict.winner.scores.mean,
            verdict.metric,
            verdict.better,
            ahead.difference,
            ahead.ci_low,
            ahead.ci_high,
            ahead.p_value,
            verdict.sentence,
        )


@dataclass(frozen=True)
class Listed:
    """A search of a store, as a list shows it.

    Attributes:
        name: The name of the search.
        summary: The search without its trials; None where nothing of it can be read.
        task: The name of its task.
        verdict: What it came to; None before the verdict.
        damaged: What of the search cannot be read.
    """

    name: str
    summary: SearchSummary | None
    task: str | None
    verdict: VerdictSummary | None
    damaged: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what `lossmith list --json` prints of the search."""
        head = {"name": self.name, "status": "damaged"} if self.summary is None else self.summary.to_json()
        verdict = None if self.verdict is None else fields_of(self.verdict)
        said = {} if self.damaged is None else {"damaged": self.damaged}
        return {**head, "task": self.task, "verdict": verdict, **said}


def catalogue(store: Store) -> Iterator[Listed]:
    """List every search of a store, the oldest first."""
    for name in store.names():
        try:
            record = store.get(name)
        except UserError as error:  # whatever stands there for a name: it hides no other
            said = error.said if isinstance(error, DamagedSearch) else str(error)
            yield Listed(name, None, None, None, said)
            continue
        verdict, damaged = _verdict(record)
        task = record.task.get("name")
        summary = SearchSummary.of(record, store.counts(record.id))
        yield Listed(name, summary, None if task is None else str(task), verdict, damaged)


def _verdict(record: SearchRecord) -> tuple[VerdictSummary | None, str | None]:
    """The summary of a search's verdict, and what is wrong with it."""
    try:
        found = verdict_of(record)
        return None if found is None else VerdictSummary.of(found), None
    except Damaged as error:
        return None, str(error)
