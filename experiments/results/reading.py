"""A search read from a store: opened once, its user's own losses adopted once, all of it typed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ...losses import UserError
from ...losses.custom import adopt
from ...search.records import (
    HEADROOM_ASSESSMENT,
    INSIGHT,
    Phase,
    RaceRound,
    Trial,
    Verdict,
    best_of,
)
from ...spaces import own_terms
from ..store import SearchRecord, Store
from ..store.typed_json import read
from ..usercode.bundle import unpack_for_reading
from ..usercode.trust import untrusted
from .json_text import finite
from .recommendation import Answer, decided, so_far
from .search_document import (
    HeadroomRecord,
    InsightRecord,
    SearchDocument,
    SearchSummary,
    TaskRecord,
)
from .trial_row import TrialRow


@dataclass(frozen=True)
class SearchReading:
    """One search in a store. It reads afresh, so a running search can be watched through it.

    `foreign` names the user's own losses that are not adopted, for they are not here or were never run here.
    """

    store: Store
    name: str
    foreign: tuple[str, ...] = ()

    @classmethod
    def of(cls, store: Store, name: str) -> SearchReading:
        """Open the search of this name; nothing of its task is loaded or run.

        Raises:
            UserError: The store has no search of that name.
        """
        record = store.get(name)
        terms = [
            unpack_for_reading(term, record.notes.files or {}) for term in own_terms(record.spec.get("space"))
        ]
        foreign = untrusted(terms)  # a look at a search does not run code that its user has not
        adopt([term for term in terms if term not in foreign], read(TaskRecord, record.task, "task").kind)
        return cls(store, record.name, tuple(foreign))

    @property
    def record(self) -> SearchRecord:
        """The search as the store keeps it, without its trials."""
        return self.store.get(self.name)

    @property
    def task(self) -> TaskRecord:
        """What the store keeps of the task."""
        return read(TaskRecord, self.record.task, "task")

    @property
    def trials(self) -> list[Trial]:
        """Every finished trial, by number."""
        return self.store.trials(self.record.id)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best mean score, or None while there is none."""
        return best_of(self.trials, self.task.sign)

    def payload(self, phase: Phase, index: int) -> dict[str, Any] | None:
        """What a phase found out, or None before it has."""
        unit = self.store.unit(self.record.id, phase, index)
        return None if unit is None else unit.payload

    def require_terms(self) -> None:
        """Raise a `UserError` when the losses here need code that this user has not run on this machine."""
        if self.foreign:
            raise UserError(
                f"{self.name} was searched with {self.foreign[0]}, which is not here or was never run here "
                f"as it is; if you trust it, run lossmith check {self.foreign[0]}"
            )

    def answer(self) -> Answer:
        """The loss to train with: the winner, or the best standard loss where the winner was not ahead of it.

        Raises:
            UserError: No trial is complete, or the losses need code that is not known here.
        """
        record = self.record
        self.require_terms()
        if record.verdict is not None:
            return decided(read(Verdict, finite(record.verdict), "verdict"))
        return so_far(record, self.task, self.best)

    def document(self) -> SearchDocument:
        """All that is known of the search, as it stands."""
        record, trials = self.record, self.trials
        task = read(TaskRecord, record.task, "task")
        best = best_of(trials, task.sign)
        rows = tuple(map(TrialRow.of, trials))
        head = SearchSummary.of(record, Counter(row.state for row in rows))
        headroom, insight = self.payload(*HEADROOM_ASSESSMENT), self.payload(*INSIGHT)
        return SearchDocument(
            **vars(head),
            spec=record.spec,
            task=task,
            seconds=record.seconds,
            notes=record.notes.without_files(),
            best=None if best is None else TrialRow.of(best),
            headroom=None if headroom is None else read(HeadroomRecord, finite(headroom), "headroom"),
            sampler=(self.payload("explore", 0) or {}).get("sampler"),
            verdict=None if record.verdict is None else read(Verdict, finite(record.verdict), "verdict"),
            insight=None if insight is None else read(InsightRecord, finite(insight), "insight"),
            trials=rows,
            race=tuple(self._rounds()),
        )

    def _rounds(self) -> list[RaceRound]:
        found: list[RaceRound] = []
        while (payload := self.payload("race", len(found))) is not None:
            found.append(read(RaceRound, finite(payload), f"race, round {len(found)}"))
        return found
