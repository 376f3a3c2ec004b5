"""The data that flows between who proposes, who trains and who keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from torch import Tensor

from ...losses import LossSpec
from ...spaces.recipe import Recipe

State = Literal["complete", "pruned", "diverged", "rejected"]
Phase = Literal[
    "headroom",
    "explore",
    "race",
    "random explore",  # these two again, for a rival with the same budget; see `phases.rival`
    "random race",
    "verdict",
    "confirm",
    "transfer",
    "insight",
]
PHASES: tuple[Phase, ...] = get_args(Phase)  # in their order: the one place that names them all


@dataclass(frozen=True)
class Repeat:
    """One way of training a candidate: which initialisation and batch order, and which part of the data.

    `fold` counts the held-out parts of the partition numbered `partition`; both are 0 where the task
    brings a validation part of its own.
    """

    seed: int
    fold: int = 0
    partition: int = 0


@dataclass(frozen=True)
class Candidate:
    """A loss with its recipe: what is proposed.

    `standard` names the standard loss it is, if it is one; `point` is where a sampler proposed it.
    """

    spec: LossSpec
    recipe: Recipe
    standard: str | None = None
    point: Mapping[str, float] | None = None

    @property
    def key(self) -> str:
        """What two candidates share that would train to the same result."""
        recipe, usual = self.recipe, Recipe()
        rest = {name: getattr(recipe, name) for name in ("momentum", "clip", "schedule", "step_factor")}
        unusual = "".join(f":{name}={v}" for name, v in rest.items() if v != getattr(usual, name))
        if recipe.trained_epochs < recipe.epochs:
            unusual += f":epochs={recipe.trained_epochs}"
        return f"{self.spec.hash}:{recipe.rate:.9g}:{recipe.weight_decay:.9g}{unusual}"


@dataclass(frozen=True)
class Outcome:
    """What came of training a candidate.

    `scores` holds the metric of each repeat (in the order asked for) at the last epoch reached, NaN for a
    repeat that diverged; `rungs` holds (epoch, mean score) for every rung passed, or for every report of
    a user's own loop, and `reason` says why a candidate diverged: "nan", "explode" or "collapse", with the
    epoch and the seed; or why it was rejected before it was trained, at epoch 0. `resampled` holds the mean
    score under each resampling of the held-out samples that was asked for, and `at_rungs` the scores of each
    repeat at each rung; neither is kept with a trial.
    """

    state: State
    scores: tuple[float, ...]
    epochs: int
    rungs: tuple[tuple[int, float], ...] = ()
    reason: str | None = None
    resampled: tuple[float, ...] = ()
    at_rungs: tuple[tuple[float, ...], ...] = ()

    @property
    def score(self) -> float:
        """The mean over the repeats; NaN when one of them diverged."""
        return math.fsum(self.scores) / len(self.scores)


@dataclass(frozen=True, eq=False)
class Tested:
    """Refits on the whole training part, measured on the test part.

    `scores` (candidates, repeats) is the task's metric of each. `outputs` (candidates, repeats, N, ...) is
    what the models said of each of the N test samples, and `targets` (N, ...) what is true of them; both are
    None for training functions, which give scores alone. `scored_on` is "validation" where a training
    function has no test data to offer.
    """

    scores: Tensor
    outputs: Tensor | None = None
    targets: Tensor | None = None
    scored_on: Literal["test", "validation"] = "test"


@dataclass(frozen=True)
class Trial:
    """A candidate that was trained: the unit of the store and of MLflow.

    `number` counts from 0 within its search; `cohort` counts the cohorts of its phase.
    """

    number: int
    phase: Phase
    cohort: int
    candidate: Candidate
    repeats: tuple[Repeat, ...]
    outcome: Outcome

    def to_json(self) -> dict[str, Any]:
        """A plain document, with NaN as null; `from_json` reads it back."""
        c, o = self.candidate, self.outcome
        return {
            "number": self.number,
            "phase": self.phase,
            "cohort": self.cohort,
            "loss": c.spec.to_json(),
            "recipe": c.recipe.to_json(),
            "standard": c.standard,
            "point": None if c.point is None else dict(c.point),
            "repeats": [[r.seed, r.fold, r.partition] for r in self.repeats],
            "state": o.state,
            "scores": [None if math.isnan(s) else s for s in o.scores],
            "epochs": o.epochs,
            "rungs": [list(rung) for rung in o.rungs],
            "reason": o.reason,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Trial:
        """The trial a document describes."""
        candidate = Candidate(
            LossSpec.written(document["loss"]),
            Recipe.from_mapping(document["recipe"]),
            document["standard"],
            document["point"],
        )
        outcome = Outcome(
            document["state"],
            tuple(math.nan if s is None else float(s) for s in document["scores"]),
            document["epochs"],
            tuple((int(epoch), float(score)) for epoch, score in document["rungs"]),
            document["reason"],
        )
        repeats = tuple(Repeat(*values) for values in document["repeats"])
        return cls(document["number"], document["phase"], document["cohort"], candidate, repeats, outcome)


def best_of(trials: Iterable[Trial], sign: int) -> Trial | None:
    """The complete trial with the best mean score (`sign`: the metric's); of equals the first."""
    whole = [t for t in trials if t.outcome.state == "complete" and not math.isnan(t.outcome.score)]
    return max(whole, key=lambda t: (sign * t.outcome.score, -t.number), default=None)
