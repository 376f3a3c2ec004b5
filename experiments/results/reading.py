"""A search read from a store: opened once, its user's own losses adopted once, all of it typed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

from ...losses import UserError
from ...losses.custom import adopt
from ...search.records import (
    HEADROOM_ASSESSMENT,
    INSIGHT,
    Explored,
    HeadroomAssessment,
    Insight,
    Phase,
    RaceRound,
    Trial,
    Verdict,
    best_of,
)
from ...search.records.typed_json import Damaged, read
from ...search.tasks import TaskRecord
from ...spaces import own_terms
from ..store import DamagedSearch, SearchRecord, Store
from ..usercode import unpack_for_reading, untrusted
from .json_text import finite
from .recommendation import Answer, decided, so_far
from .search_document import (
    SearchDocument,
    SearchSummary,
)
from .trial_row import TrialRow

_Record = TypeVar("_Record")


@dataclass(frozen=True)
class SearchReading:
    """One search in a store. It reads afresh, so a running search can be watched through it.

    Attributes:
        store: Where it is kept.
        name: Its name.
        foreign: The user's own losses that are not adopted, for they are not here or were never run here.
    """

    store: Store
    name: str
    foreign: tuple[str, ...] = ()

    @classmethod
    def of(cls, store: Store, name: str) -> SearchReading:
        """Open the search of a name; nothing of its task is loaded or run.

        Args:
            store: Where it is kept.
            name: Its name.

        Raises:
            UserError: The store has no search of that name.
        """
        record = store.get(name)
        terms = [
            unpack_for_reading(term, record.notes.files or {}) for term in own_terms(record.spec.get("space"))
        ]
        foreign = untrusted(terms)  # a look at a search does not run code that its user has not
        adopt([term for term in terms if term not in foreign], task_of(record).kind)
        return cls(store, record.name, tuple(foreign))

    @property
    def record(self) -> SearchRecord:
        """The search as the store keeps it, without its trials."""
        return self.store.get(self.name)

    @property
    def task(self) -> TaskRecord:
        """What the store keeps of the task."""
        return task_of(self.record)

    @property
    def trials(self) -> list[Trial]:
        """Every finished trial, by number."""
        return self.store.trials(self.record.id)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best mean score, or None while there is none."""
        return best_of(self.trials, self.task.sign)

    @property
    def verdict(self) -> Verdict | None:
        """The comparison on sealed test data, or None before there is one."""
        try:
            return verdict_of(self.record)
        except Damaged as error:
            raise DamagedSearch(self.name, str(error)) from None

    def require_terms(self) -> None:
        """Raise an error when the losses here need code that this user has not run on this machine.

        Raises:
            UserError: They do.
        """
        if self.foreign:
            raise UserError(
                f"{self.name} was searched with {self.foreign[0]}, which is not here or was never run here "
                f"as it is; if you trust it, run lossmith check {self.foreign[0]}"
            )

    def answer(self) -> Answer:
        """Find the loss to train with: the winner, or a standard loss where the winner was not ahead of it.

        Where the task standardised its targets, the loss takes them in their own units.

        Raises:
            UserError: No trial is complete, or the losses need code that is not known here.
        """
        task, verdict = self.task, self.verdict
        self.require_terms()
        answer = so_far(self.record, task, self.best) if verdict is None else decided(verdict)
        return replace(answer, loss=answer.loss.bind(target_units=task.target_units))

    def document(self) -> SearchDocument:
        """Collect all that is known of the search; what cannot be read is left out and named."""
        record, trials = self.record, self.trials
        task = task_of(record)
        best = best_of(trials, task.sign)
        rows = tuple(map(TrialRow.of, trials))
        head = SearchSummary.of(record, self.store.counts(record.id))
        parts = _Parts(self.store, record)
        return SearchDocument(
            **vars(head),
            spec=record.spec,
            task=task,
            seconds=record.seconds,
            notes=record.notes.without_files(),
            best=None if best is None else TrialRow.of(best),
            headroom=parts.found(HeadroomAssessment, *HEADROOM_ASSESSMENT),
            sampler=parts.sampler(),
            verdict=parts.verdict(),
            insight=parts.found(Insight, *INSIGHT),
            trials=rows,
            race=parts.race(),
            damaged=(*self.store.damaged_trials(record.id), *parts.damaged) or None,
        )


@dataclass(frozen=True)
class _Parts:
    """What phases found, each read by itself: one that is damaged does not hide the others."""

    store: Store
    record: SearchRecord
    damaged: list[str] = field(default_factory=list)

    def found(self, kind: type[_Record], phase: Phase, index: int) -> _Record | None:
        """The record that a phase kept, or None where there is none that can be read."""
        try:
            payload = self.store.payload(self.record.id, phase, index)
            return None if payload is None else read(kind, finite(payload), phase)
        except Damaged as error:
            self.damaged.append(str(error))
            return None

    def sampler(self) -> str | None:
        """Who proposed losses."""
        found = self.found(Explored, "explore", 0)
        return None if found is None else found.sampler

    def verdict(self) -> Verdict | None:
        """The verdict."""
        try:
            return verdict_of(self.record)
        except Damaged as error:
            self.damaged.append(str(error))
            return None

    def race(self) -> tuple[RaceRound, ...]:
        """The rounds of the race that can be read, in order."""
        found: list[RaceRound] = []
        while (one := self.found(RaceRound, "race", len(found))) is not None:
            found.append(one)
        return tuple(found)


def verdict_of(record: SearchRecord) -> Verdict | None:
    """Read the verdict of a search, or None before there is one.

    Raises:
        Damaged: What the store holds is no verdict.
    """
    return None if record.verdict is None else read(Verdict, record.verdict, "verdict")


def task_of(record: SearchRecord) -> TaskRecord:
    """Read what the store keeps of the task of a search.

    Raises:
        DamagedSearch: What the store holds is no such thing.
    """
    try:
        return read(TaskRecord, record.task, "task")
    except Damaged as error:
        raise DamagedSearch(record.name, str(error)) from None
