"""What the tuned standard losses tell of a task before losses are searched."""

from __future__ import annotations

from dataclasses import dataclass, field

from .typed_json import OMITTED, REST, Document


@dataclass(frozen=True)
class SampleErrors:
    """Standard errors that held-out samples add, in the metric's units; None where too few losses tell them.

    Attributes:
        sample_error: That of the lead of the best tuned standard loss over the one it differs most from.
        score_error: That of its score.
    """

    sample_error: float | None = field(default=None, metadata=OMITTED)
    score_error: float | None = field(default=None, metadata=OMITTED)


@dataclass(frozen=True)
class RepeatsNeeded:
    """How many refits a verdict takes to show a difference between two losses.

    Attributes:
        difference: The difference, in the metric's units.
        repeats: The number of refits; None: it would take more test samples.
    """

    difference: float
    repeats: int | None


@dataclass(frozen=True, kw_only=True)
class HeadroomAssessment:
    """How far apart the tuned standard losses are, against how far apart equal losses would be.

    Everything is in the metric's units. What a single repeat, or a single standard loss, cannot tell is None.

    Attributes:
        metric: The metric's name.
        best_standard: The name of the best tuned standard loss.
        score: Its score.
        usual: The name of the usual loss of the kind; None where that never came to an end.
        gap: What separates the best standard loss from the usual one, at least 0.
        matters: Whether the gap is more than chance; true where that is not known.
        seed_noise: Standard deviation of a paired difference between two losses over seeds.
        fold_noise: The same over folds.
        sample_error: The standard error that the held-out samples add to such a difference.
        searched_error: The same for the lead of a searched loss.
        error: The standard error of the difference of two equal losses, from both kinds of luck.
        spread: Standard deviation between the tuned standard losses, without their noise.
        detectable: The least difference that the search shows at 90% power.
        repeats_needed: The refits that a verdict needs to show half, once and twice that difference.
        message: The assessment in words.
        more: What another version of lossmith has kept.
    """

    metric: str
    best_standard: str | None
    score: float
    usual: str | None
    gap: float
    matters: bool
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
