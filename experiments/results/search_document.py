"""A search as one typed document: what `lossmith show --json` prints, and what a report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from ...search.records import HeadroomAssessment, Insight, RaceRound, State, Verdict, decimals
from ...search.records.typed_json import OMITTED, Document, fields_of
from ...search.tasks import TaskRecord
from ..store import RunNotes, SearchRecord, Status
from .trial_row import TrialRow, ranked


@dataclass(frozen=True)
class RunIds:
    """Where MLflow shows a search; None until it does.

    Attributes:
        experiment_id: The experiment.
        run_id: The parent run.
    """

    experiment_id: str | None
    run_id: str | None


@dataclass(frozen=True)
class SearchSummary:
    """A search without its trials: what `lossmith list --json` prints of each.

    Attributes:
        name: Its name.
        status: How it stands.
        reason: Why it ended without a verdict, or failed.
        created_at: When it was entered, in ISO 8601.
        updated_at: When anything of it changed last, in ISO 8601.
        counts: How many trials there are in each state.
        mlflow: Where MLflow shows it.
    """

    name: str
    status: Status
    reason: str | None
    created_at: str
    updated_at: str
    counts: Mapping[State, int]
    mlflow: RunIds

    @classmethod
    def of(cls, record: SearchRecord, counts: Mapping[State, int]) -> SearchSummary:
        """Summarise a search.

        Args:
            record: The search.
            counts: How many trials there are in each state; a state that is missing has 0.
        """
        return cls(
            record.name,
            record.status,
            record.reason,
            record.created_at.isoformat(),
            record.updated_at.isoformat(),
            {state: counts.get(state, 0) for state in get_args(State)},
            RunIds(record.experiment_id, record.run_id),
        )

    def to_json(self) -> dict[str, Any]:
        """Return a plain document."""
        return fields_of(self)


@dataclass(frozen=True)
class SearchDocument:
    """Everything that is known of a search; what it has not come to yet is None.

    Attributes:
        name: Its name.
        status: How it stands.
        reason: Why it ended without a verdict, or failed.
        created_at: When it was entered, in ISO 8601.
        updated_at: When anything of it changed last, in ISO 8601.
        counts: How many trials there are in each state.
        mlflow: Where MLflow shows it.
        spec: Its SPEC.
        task: What is kept of its task.
        seconds: Wall-clock seconds by phase, and those of store and MLflow.
        notes: What is kept beside the trials, without the user's files.
        best: The complete trial with the best score.
        headroom: What the standard losses told.
        sampler: Who proposed losses, and where, in words.
        verdict: What the search came to.
        insight: What was measured about the winner.
        trials: Every trial that can be read, by number.
        race: The rounds of the race.
        damaged: What the store holds and nobody can read, a line each; None where there is nothing of that.
    """

    name: str
    status: Status
    reason: str | None
    created_at: str
    updated_at: str
    counts: Mapping[State, int]
    mlflow: RunIds
    spec: Document
    task: TaskRecord
    seconds: Mapping[str, float]
    notes: RunNotes
    best: TrialRow | None
    headroom: HeadroomAssessment | None
    sampler: str | None
    verdict: Verdict | None
    insight: Insight | None
    trials: tuple[TrialRow, ...]
    race: tuple[RaceRound, ...] = ()
    damaged: tuple[str, ...] | None = field(default=None, metadata=OMITTED)  # a line for each

    def to_json(self) -> dict[str, Any]:
        """Return a plain document; `typed_json.read` gives it back."""
        return fields_of(self)

    def shown(self) -> dict[str, Any]:
        """Return what `lossmith show --json` prints: all but the rounds of the race."""
        document = self.to_json()
        del document["race"]
        return document

    @property
    def sign(self) -> int:
        """+1 where a greater score is better, -1 where a smaller one is."""
        return self.task.sign

    @property
    def decimals(self) -> int:
        """How many decimals its scores are written with."""
        if self.verdict is not None:
            return self.verdict.decimals
        return decimals(None if self.best is None else self.best.score)

    def ranked(self) -> list[TrialRow]:
        """List the complete trials, the best first."""
        return ranked(self.trials, self.sign)

    def trial(self, number: int) -> TrialRow | None:
        """Find the trial of a number, or None where there is none."""
        return next((row for row in self.trials if row.number == number), None)

    @property
    def examined(self) -> str:
        """Which loss was taken apart after the verdict: it need not be the one to use."""
        subject = None if self.insight is None else self.insight.subject
        if subject is None or self.verdict is None:
            return "The best searched loss"
        if self.verdict.recommended.number == subject:
            return "The loss to use"
        found = self.trial(subject)
        formula = "" if found is None else f", {found.formula}"
        return f"The best searched loss (trial {subject}, not the loss to use{formula})"

    def trained_at(self, number: int, rate: float) -> str:
        """Say how a trial was trained: its learning rate, and what its recipe says unlike the task's.

        Args:
            number: The number of the trial.
            rate: Its learning rate.
        """
        own, usual, reads = self.trial(number), self.task.recipe, self.task.reads
        if reads is not None and "recipe" not in reads:
            return (
                f"learning rate {rate:.3g}"
                if "learning_rate" in reads
                else f"the learning rate in the code of {self.task.name}"
            )
        beside = own.recipe.beside(usual) if own is not None and usual is not None else ""
        return f"learning rate {rate:.3g}{f', {beside}' if beside else ''}"
