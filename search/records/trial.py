"""A candidate that was trained: the unit of the store and of MLflow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...losses import LossSpec
from ...spaces.recipe import Recipe
from .candidate import Candidate, Repeat
from .outcome import Outcome
from .phases import Phase
from .plain_json import finite_or_none, nan_if_none
from .typed_json import read


@dataclass(frozen=True)
class Trial:
    """A candidate that was trained, with what came of it.

    Attributes:
        number: Counts from 0 within the search.
        phase: The phase that trained the candidate.
        cohort: Counts the cohorts of the phase from 0.
        candidate: The loss with its recipe.
        repeats: What each score of the outcome was trained on, in the order of the scores.
        outcome: What came of it.
    """

    number: int
    phase: Phase
    cohort: int
    candidate: Candidate
    repeats: tuple[Repeat, ...]
    outcome: Outcome

    def to_json(self) -> dict[str, Any]:
        """Return a plain document, with NaN as null; `from_json` reads it back."""
        c, o = self.candidate, self.outcome
        document: dict[str, Any] = {
            "number": self.number,
            "phase": self.phase,
            "cohort": self.cohort,
            "loss": c.spec.to_json(),
            "recipe": c.recipe.to_json(),
            "standard": c.standard,
            "point": None if c.point is None else dict(c.point),
            "repeats": [[r.seed, r.fold, r.partition] for r in self.repeats],
            "state": o.state,
            "scores": [finite_or_none(s) for s in o.scores],
            "epochs": o.epochs,
            "rungs": [[epoch, finite_or_none(score)] for epoch, score in o.rungs],
            "reason": o.reason,
        }
        if c.cutoff == "tuned":
            document |= {"cutoff": c.cutoff, "offsets": list(o.offsets)}
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Trial:
        """Return the trial that a document of `to_json` describes."""
        candidate = Candidate(
            LossSpec.written(document["loss"]),
            Recipe.from_mapping(document["recipe"]),
            document["standard"],
            document["point"],
            document.get("cutoff", "fixed"),
        )
        number, cohort, epochs = (read(int, document[key], key) for key in ("number", "cohort", "epochs"))
        outcome = Outcome(
            document["state"],
            tuple(nan_if_none(s) for s in document["scores"]),
            epochs,
            tuple((int(epoch), nan_if_none(score)) for epoch, score in document["rungs"]),
            document["reason"],
            tuple(document.get("offsets", ())),
        )
        repeats = tuple(Repeat(*values) for values in document["repeats"])
        return cls(number, document["phase"], cohort, candidate, repeats, outcome)


def best_of(trials: Iterable[Trial], sign: int) -> Trial | None:
    """Return the complete trial with the best mean score, of equals the first; None if none is complete.

    Args:
        trials: Any trials; those whose score is NaN do not count.
        sign: +1 where a greater score is better, -1 where a smaller one is.
    """
    whole = [t for t in trials if t.outcome.state == "complete" and not math.isnan(t.outcome.score)]
    return max(whole, key=lambda t: (sign * t.outcome.score, -t.number), default=None)
