"""What the store keeps of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...losses import Kind
from ...losses.kinds import Counts
from ...spaces.recipe import Recipe
from ..metrics import metric_named
from ..records import EngineChoice
from ..records.typed_json import OMITTED, REST, Document, fields_of

MOST_CLASSES = 30  # that are listed
_USUAL = (("stop_after", 1.0), ("schedule", "constant"))  # what goes without saying in a recipe


@dataclass(frozen=True)
class FunctionRecord:
    """What the rehearsal of a training function showed.

    Attributes:
        reports: How often a training reports.
        seconds: How long one takes.
        tunes_learning_rate: Whether it trains with the learning rate it is given.
        reads: What else it reads of its trial, such as recipe; not known of searches of before.
        folds: Whether it deals its data into folds.
        scored_on: What its verdict is scored on, "test" or "validation".
    """

    reports: int
    seconds: float
    tunes_learning_rate: bool
    reads: tuple[str, ...] = ()
    folds: bool = False
    scored_on: str = "validation"


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """What the store keeps of a task: names, sizes and how it is trained, no data; None where not known.

    Attributes:
        name: The name of the task.
        kind: The kind of problem.
        metric: The name of the metric.
        greater_is_better: The direction of the metric.
        sizes: The number of samples in each part; empty for a training function.
        recipe: What the search starts from.
        fingerprint: What tells equal data, or equal code of a training function.
        model_parameters: The number of numbers in the model's parameters.
        class_names: The names of the classes, or of the labels.
        positive: The label that counts as positive.
        about: What the task's loader, or the user, keeps beside the sizes.
        own_training: What the rehearsal of a training function showed.
        class_counts: The training samples of each class, or a pair for each label; see `Constants`.
        target_scale: The spread of the training targets, in their unit.
        notes: Lines that the user was told before the search.
        warnings: What a reader of the verdict should be warned of.
        given: Whether the task was made in Python, so that a resume must be given it again.
        terms: The hashes of the user's own losses, by their places.
        engine: The engine that trains the models.
        hardware: Where they are trained, in words.
        more: What another version of lossmith has kept.
    """

    name: str
    kind: Kind
    metric: str
    greater_is_better: bool | None = field(default=None, metadata=OMITTED)
    sizes: Mapping[str, int] | None = field(default=None, metadata=OMITTED)
    recipe: Recipe | None = field(default=None, metadata=OMITTED)
    fingerprint: str | None = field(default=None, metadata=OMITTED)
    model_parameters: int | None = field(default=None, metadata=OMITTED)
    class_names: tuple[str, ...] | None = field(default=None, metadata=OMITTED)
    positive: str | None = field(default=None, metadata=OMITTED)
    about: Document | None = field(default=None, metadata=OMITTED)
    own_training: FunctionRecord | None = field(default=None, metadata=OMITTED)
    class_counts: Counts | None = field(default=None, metadata=OMITTED)
    target_scale: float | None = field(default=None, metadata=OMITTED)
    notes: tuple[str, ...] | None = field(default=None, metadata=OMITTED)
    warnings: tuple[str, ...] | None = field(default=None, metadata=OMITTED)
    given: bool | None = field(default=None, metadata=OMITTED)
    terms: Mapping[str, str] | None = field(default=None, metadata=OMITTED)
    engine: EngineChoice | None = field(default=None, metadata=OMITTED)
    hardware: str | None = field(default=None, metadata=OMITTED)
    more: Document = field(default_factory=dict, metadata=REST)

    def to_json(self) -> dict[str, Any]:
        """A plain document; `typed_json.read` gives the record back."""
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
        about: Mapping[str, Any] = self.about or {}
        if self.target_units is None:
            return ""
        name = about.get("target")
        return name if about.get("scored_in_units") and isinstance(name, str) else ""

    @property
    def reads(self) -> frozenset[str] | None:
        """What a training function reads of its trial, such as learning_rate; None for other tasks."""
        own = self.own_training
        if own is None:
            return None
        return frozenset({*own.reads, "learning_rate"} if own.tunes_learning_rate else own.reads)

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
        about: Mapping[str, Any] = self.about or {}
        if not {"file", "mean", "standard_deviation"} <= about.keys():
            return None
        return about["mean"], about["standard_deviation"]

    @property
    def sign(self) -> int:
        """+1 where a greater score is better, -1 where a smaller one is."""
        greater = self.greater_is_better
        return metric_named(self.metric).sign if greater is None else 1 if greater else -1
