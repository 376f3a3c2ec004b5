"""A search as one typed document: what `lossmith show --json` prints, and what a report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from ...search.metrics import sign_of
from ...search.records import RaceRound, State, Verdict, decimals
from ...search.records.typed_json import OMITTED, REST, Document, fields_of
from ...search.training.engines.autotune import EngineChoice
from ...spaces.recipe import Recipe
from ..store import RunNotes, SearchRecord, Status
from .trial_row import TrialRow, ranked

MOST_CLASSES = 30  # that are listed
_USUAL = (("stop_after", 1.0), ("schedule", "constant"))  # what goes without saying in a recipe


@dataclass(frozen=True)
class TaskRecord:
    """What the store keeps of a task: names, sizes and how it is trained, no data.

    What an older lossmith did not keep is None.

    Attributes:
        name: The task's name.
        kind: The kind of problem.
        metric: The metric's name.
        greater_is_better: The metric's direction.
        sizes: Samples, by part: train, validation, test.
        recipe: How a model is trained.
        fingerprint: A hash of the data.
        model_parameters: How many numbers the model has to learn.
        class_counts: Training samples of each class; (negatives, positives) of each label.
        class_names: What the classes or labels are called, in the order of their indices.
        positive: What the positive class of a binary problem is called.
        target_scale: The spread of a regression's targets.
        notes: What was noticed about the data.
        warnings: What a reader of the verdict should know about the data.
        engine: Which engine trains, and why.
        hardware: The device and precision, in words.
        more: What else was kept.
    """

    name: str
    kind: str
    metric: str
    greater_is_better: bool | None = field(default=None, metadata=OMITTED)
    sizes: Mapping[str, int] | None = field(default=None, metadata=OMITTED)
    recipe: Recipe | None = field(default=None, metadata=OMITTED)
    fingerprint: str | None = field(default=None, metadata=OMITTED)
    model_parameters: int | None = field(default=None, metadata=OMITTED)
    class_counts: tuple[int | tuple[int, ...], ...] | None = field(default=None, metadata=OMITTED)
    class_names: tuple[str, ...] | None = field(default=None, metadata=OMITTED)
    positive: str | None = field(default=None, metadata=OMITTED)
    target_scale: float | None = field(default=None, metadata=OMITTED)
    notes: tuple[str, ...] | None = field(default=None, metadata=OMITTED)
    warnings: tuple[str, ...] | None = field(default=None, metadata=OMITTED)
    engine: EngineChoice | None = field(default=None, metadata=OMITTED)
    hardware: str | None = field(default=None, metadata=OMITTED)
    more: Document = field(default_factory=dict, metadata=REST)

    def to_json(self) -> dict[str, Any]:
        """Return a plain document."""
        return fields_of(self)

    @property
    def classes(self) -> tuple[str, ...]:
        """What its classes are called, in the order of their indices; empty where it has none."""
        if self.class_names:
            return self.class_names
        return tuple(f"class {index}" for index in range(len(self.class_counts or ())))

    @property
    def counted_classes(self) -> str:
        """Each class, or label, with its training samples, and which class is the positive one."""
        counts = (self.class_counts or ())[:MOST_CLASSES]
        shown = [
            f"{name} {count:,}" if isinstance(count, int) else f"{name} {count[1]:,} of {sum(count):,}"
            for name, count in zip(self.classes, counts, strict=False)
        ]
        more = len(self.class_counts or ()) - len(counts)
        said = ", ".join(shown) + (f" and {more} more" if more else "")
        return f"{said} (positive: {self.positive})" if self.positive else said

    @property
    def target(self) -> str:
        """The column that a regression predicts and is scored in the units of; empty for other tasks."""
        about = self.more.get("about")
        if not isinstance(about, Mapping) or self.target_units is None:
            return ""
        name = about.get("target")
        return name if about.get("scored_in_units") and isinstance(name, str) else ""

    @property
    def reads(self) -> frozenset[str] | None:
        """What a training function reads of its trial, such as learning_rate; None for other tasks."""
        own = self.more.get("own_training")
        if not isinstance(own, Mapping):
            return None
        rate = {"learning_rate"} if own.get("tunes_learning_rate", True) else set()
        return frozenset({*own.get("reads", ()), *rate})

    @property
    def recipe_words(self) -> str:
        """How its models are trained, as far as that is lossmith's to say."""
        reads, recipe = self.reads, self.recipe
        if recipe is None:
            return ""
        told = recipe.read.keys() if reads is None or "recipe" in reads else reads
        known = {
            key.replace("_", " "): value
            for key, value in recipe.read.items()
            if key in told and (key, value) not in _USUAL
        }
        shown = ", ".join(
            f"{key} {f'{value:.6g}' if isinstance(value, float) else value}" for key, value in known.items()
        )
        if reads is None or "recipe" in reads:
            return shown
        return f"{shown}; the rest is in the code of {self.name}" if shown else f"in the code of {self.name}"

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
class RepeatsNeeded:
    """How many refits a verdict takes to show a difference.

    Attributes:
        difference: Between two losses, in the metric's units.
        repeats: Refits of each; None: it would take more test samples.
    """

    difference: float
    repeats: int | None


@dataclass(frozen=True, kw_only=True)
class HeadroomRecord:
    """What the tuned standard losses told of the task; all but names and words are in the metric's units.

    Attributes:
        metric: The metric's name.
        best_standard: The standard loss with the best score.
        score: Its score.
        usual: The usual loss of the kind, where it was among them.
        gap: What separates the two.
        matters: Whether that is more than chance allows.
        seed_noise: The standard deviation of a paired difference of two losses over seeds.
        fold_noise: The same over folds.
        sample_error: The standard error that the held-out samples add to a difference.
        searched_error: The same for the lead of a searched loss.
        error: The standard error of a difference of two equal losses, in all.
        spread: The standard deviation between standard losses, without their noise.
        detectable: The least lead that the search shows at 90% power.
        repeats_needed: The refits that it takes to show others.
        message: All of it in words.
        more: What another version of lossmith has kept.
    """

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
    """By how much the winner's metric exceeds that of the winner without one part.

    Attributes:
        part: The part's name.
        formula: The loss without it.
        difference: The winner minus that loss, in the metric's units.
        ci_low: The lower end of its 95% interval.
        ci_high: The upper end.
    """

    part: str
    formula: str
    difference: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Moved:
    """The score of the winner with one parameter moved.

    Attributes:
        value: The parameter's value.
        score: The mean over repeats.
        sd: Their standard deviation.
    """

    value: float
    score: float
    sd: float | None = None


@dataclass(frozen=True)
class CurvePoint:
    """The score of a loss at an epoch.

    Attributes:
        epoch: After how many epochs.
        mean: The mean over repeats; None where one diverged.
        sd: Their standard deviation.
    """

    epoch: int
    mean: float | None
    sd: float | None = None


@dataclass(frozen=True)
class InsightRecord:
    """What was measured after the verdict about the best searched loss, which need not be the one to use.

    Attributes:
        ablation: The loss without each of its parts.
        importance: The share of each parameter in how much the trials' scores differ.
        sensitivity: The loss with each of its parameters moved, by the parameter's name.
        curves: The score by epoch, by the name of the loss.
        subject: The number of its trial.
        more: What another version of lossmith has kept.
    """

    ablation: tuple[Ablation, ...]
    importance: Mapping[str, float]
    sensitivity: Mapping[str, tuple[Moved, ...]]
    curves: Mapping[str, tuple[CurvePoint, ...]]
    subject: int | None = field(default=None, metadata=OMITTED)
    more: Document = field(default_factory=dict, metadata=REST)


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
    headroom: HeadroomRecord | None
    sampler: str | None
    verdict: Verdict | None
    insight: InsightRecord | None
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
