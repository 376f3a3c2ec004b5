"""What was measured about the winner after the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .typed_json import REST, Document


@dataclass(frozen=True)
class Ablation:
    """What a part of the winner earns: the winner's metric minus that of itself without the part.

    Attributes:
        part: The name of the part.
        formula: What is left without it, as text.
        difference: The mean difference over repeats, in the metric's units.
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
    """The winner's score with one of its parameters moved.

    Attributes:
        value: The parameter's value.
        score: The mean score over repeats, in the metric's units.
        sd: Its standard deviation over repeats.
    """

    value: float
    score: float
    sd: float | None = None


@dataclass(frozen=True)
class CurvePoint:
    """A point of a learning curve.

    Attributes:
        epoch: After how many epochs.
        mean: The mean score over repeats, in the metric's units.
        sd: Its standard deviation over repeats.
    """

    epoch: int
    mean: float | None
    sd: float | None = None


@dataclass(frozen=True, kw_only=True)
class Insight:
    """What the searched loss owes its parts, its parameters and its learning rate.

    Attributes:
        subject: The number of the searched loss's trial; None where none came to the race.
        repeats: The fresh repeats that everything was measured on.
        ablation: The searched loss without each of its parts, the part that earns most first.
        importance: The share of each searched number in what made explored losses good or bad, by its name.
        importance_method: How the shares were found.
        sensitivity: The scores with one parameter moved, by the parameter's name, in the order of its values.
        curves: The learning curve of the searched loss and of standard ones, by name.
        more: What another version of lossmith has kept.
    """

    subject: int | None = None
    repeats: int
    ablation: tuple[Ablation, ...]
    importance: Mapping[str, float]
    importance_method: str
    sensitivity: Mapping[str, tuple[Moved, ...]]
    curves: Mapping[str, tuple[CurvePoint, ...]]
    more: Document = field(default_factory=dict, metadata=REST)
