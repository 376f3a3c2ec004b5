"""A search as one typed document: what `lossmith show --json` prints, and what a report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from ...search.metrics import sign_of
from ...search.records import RaceRound, State, Verdict
from ...search.records.typed_json import OMITTED, REST, Document, fields_of
from ...search.training.engines.autotune import EngineChoice
from ...spaces.recipe import Recipe
from ..store import RunNotes, SearchRecord, Status
from .trial_row import TrialRow, ranked


@dataclass(frozen=True)
class TaskRecord:
    """What the store keeps of a task: names, sizes and how it is trained, no data."""

    name: str
    kind: str
    metric: str
    greater_is_better: bool | None = field(default=None, metadata=OMITTED)
    sizes: Mapping[str, int] | None = field(default=None, metadata=OMITTED)
    recipe: Recipe | None = field(default=None, metadata=OMITTED)
    fingerprint: str | None = field(default=None, metadata=OMITTED)
    model_parameters: int | None = field(default=None, metadata=OMITTED)
    class_counts: tuple[int | tuple[int, ...], ...] | None = field(default=None, metadata=OMITTED)
    target_scale: float | None = field(default=None, metadata=OMITTED)
    notes: tuple[str, ...] | None = field(default=None, metadata=OMITTED)
    warnings: tuple[str, ...] | None = field(default=None, metadata=OMITTED)
    engine: EngineChoice | None = field(default=None, metadata=OMITTED)
    hardware: str | None = field(default=None, metadata=OMITTED)
    more: Document = field(default_factory=dict, metadata=REST)

    def to_json(self) -> dict[str, Any]:
        """A plain document."""
        return fields_of(self)

    @property
    def target_units(self) -> tuple[Any, Any] | None:
        """Mean and spread of the targets of a regression that was trained on standardised ones; else None."""
        about = self.more.get("about")
        if not isinstance(about, Mapping) or not {"file", "mean", "standard_deviation"} <= about.keys():
            return None
        return about["mean"], about["standard_deviation"]

    @property
    def given(self) -> bool:
        """Whether the task was made in Python, so that a resume must be given it again."""
        return bool(self.more.get("given"))

    @property
    def terms(self) -> Mapping[str, str]:
        """The fingerprint of each file with losses of the user's own, by FILE:OBJECT."""
        found = self.more.get("terms")
        return {str(place): str(mark) for place, mark in found.items()} if isinstance(found, Mapping) else {}

    @property
    def sign(self) -> int:
        """+1 where a greater score is better, -1 where a smaller one is."""
        return sign_of({"metric": self.metric, "greater_is_better": self.greater_is_better})


@dataclass(frozen=True)
class RunIds:
    """Where MLflow shows a search; None until it does."""

    experiment_id: str | None
    run_id: str | None


@dataclass(frozen=True)
class SearchSummary:
    """A search without its trials: what `lossmith list --json` prints of each. Times are ISO 8601."""

    name: str
    status: Status
    reason: str | None
    created_at: str
    updated_at: str
    counts: Mapping[State, int]
    mlflow: RunIds

    @classmethod
    def of(cls, record: SearchRecord, counts: Mapping[State, int]) -> SearchSummary:
        """The summary of a search whose trials are counted by state; a state without any has 0."""
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
        """A plain document."""
        return fields_of(self)


@dataclass(frozen=True)
class RepeatsNeeded:
    """How many refits a verdict takes to show a difference; None: it would take more test samples."""

    difference: float
    repeats: int | None


@dataclass(frozen=True, kw_only=True)
class HeadroomRecord:
    """What the tuned standard losses told of the task; `power.assess_headroom` says what the numbers are."""

    metric: str | None = field(default=None, metadata=OMITTED)
    best_standard: str | None = field(default=None, metadata=OMITTED)
    score: float | None = field(default=None, metadata=OMITTED)
    usual: str | None = None
    gap: float | None = field(default=None, metadata=OMITTED)
    matters: bool | None = field(default=None, metadata=OMITTED)
    seed_noise: float | None = field(default=None, metadata=OMITTED)
    fold_noise: float | None = field(default=None, metadata=OMITTED)
    sample_error: float | None = field(default=None, metadata=OMITTED)
    searched_error: float | None = field(default=None, metadata=OMITTED)
    error: float | None = field(default=None, metadata=OMITTED)
    spread: float | None = field(default=None, metadata=OMITTED)
    detectable: float | None = field(default=None, metadata=OMITTED)
    repeats_needed: tuple[RepeatsNeeded, ...] | None = field(default=None, metadata=OMITTED)
    message: str
    more: Document = field(default_factory=dict, metadata=REST)


@dataclass(frozen=True)
class Ablation:
    """By how much the winner's metric exceeds that of itself without one part, with a 95% interval."""

    part: str
    formula: str
    difference: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Moved:
    """The score of the winner with one parameter moved to `value`."""

    value: float
    score: float
    sd: float | None = None


@dataclass(frozen=True)
class CurvePoint:
    """The mean score over repeats at an epoch, and its standard deviation."""

    epoch: int
    mean: float | None
    sd: float | None = None


@dataclass(frozen=True)
class InsightRecord:
    """What was measured about the winner after the verdict."""

    ablation: tuple[Ablation, ...]
    importance: Mapping[str, float]
    sensitivity: Mapping[str, tuple[Moved, ...]]
    curves: Mapping[str, tuple[CurvePoint, ...]]
    more: Document = field(default_factory=dict, metadata=REST)


@dataclass(frozen=True)
class SearchDocument:
    """Everything that is known of a search.

    `seconds` is wall-clock by phase, `best` the complete trial with the best score, and `sampler` says who
    proposed losses and where. What a search has not come to yet is None. `damaged` names what the store holds
    and nobody can read, where there is any.
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
    headroom: HeadroomRecord | None
    sampler: str | None
    verdict: Verdict | None
    insight: InsightRecord | None
    trials: tuple[TrialRow, ...]
    race: tuple[RaceRound, ...] = ()
    damaged: tuple[str, ...] | None = field(default=None, metadata=OMITTED)  # a line for each

    def to_json(self) -> dict[str, Any]:
        """A plain document; `typed_json.read` gives it back."""
        return fields_of(self)

    def shown(self) -> dict[str, Any]:
        """What `lossmith show --json` prints: all but the rounds of the race and the user's files."""
        document = self.to_json()
        del document["race"]
        return document

    @property
    def sign(self) -> int:
        """+1 where a greater score is better, -1 where a smaller one is."""
        return self.task.sign

    def ranked(self) -> list[TrialRow]:
        """The complete trials, the best first."""
        return ranked(self.trials, self.sign)

    def trial(self, number: int) -> TrialRow | None:
        """The trial of a number, or None where there is none."""
        return next((row for row in self.trials if row.number == number), None)

    def trained_at(self, number: int, rate: float) -> str:
        """In words, how a trial was trained: at `rate`, with what its recipe says unlike the task's."""
        own, usual = self.trial(number), self.task.recipe
        beside = own.recipe.beside(usual) if own is not None and usual is not None else ""
        return f"learning rate {rate:.3g}{f', {beside}' if beside else ''}"
