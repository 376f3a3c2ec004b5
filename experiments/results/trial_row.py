"""One trial as a flat row: tables, JSON, data frames and MLflow are all made of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...losses import LossSpec, formula, parts
from ...search.records import Phase, State, Trial
from ...search.records.typed_json import fields_of
from ...search.statistics import deviation
from ...spaces.recipe import Recipe

RATE = "recipe.learning_rate"  # among the parameters of a row: where the learning rate stands


@dataclass(frozen=True)
class RepeatScore:
    """The metric of one repeat.

    Attributes:
        seed: The seed of weights and batches.
        fold: The fold that was held out.
        partition: Which way of cutting folds.
        score: The metric; None where the repeat diverged.
    """

    seed: int
    fold: int
    partition: int
    score: float | None


@dataclass(frozen=True)
class TrialRow:
    """A trial with its loss as a formula, its parameters by name and its scores by repeat.

    Attributes:
        number: Its number in the search, from 0.
        phase: The phase that trained it.
        cohort: The place of its cohort within the phase.
        state: What became of it.
        reason: Why it diverged or was rejected.
        standard: The standard loss that it is, if it is one.
        formula: The loss as text.
        params: The parameters of the loss, and the learning rate.
        score: The mean over `scores`; None where a repeat diverged.
        scores: The metric by repeat.
        epochs: How many it was trained for.
        rungs: (epoch, mean score) of every rung passed.
        recipe: How it was trained.
    """

    number: int
    phase: Phase
    cohort: int
    state: State
    reason: str | None
    standard: str | None
    formula: str
    params: Mapping[str, float]
    score: float | None
    scores: tuple[RepeatScore, ...]
    epochs: int
    rungs: tuple[tuple[int, float | None], ...]
    recipe: Recipe

    @classmethod
    def of(cls, trial: Trial) -> TrialRow:
        """Make the row of a trial."""
        candidate, outcome = trial.candidate, trial.outcome
        return cls(
            number=trial.number,
            phase=trial.phase,
            cohort=trial.cohort,
            state=outcome.state,
            reason=outcome.reason,
            standard=candidate.standard,
            formula=_formula(candidate.spec),
            params={**candidate.spec.parameters, RATE: candidate.recipe.rate},
            score=_finite(outcome.score),
            scores=tuple(
                RepeatScore(repeat.seed, repeat.fold, repeat.partition, _finite(score))
                for repeat, score in zip(trial.repeats, outcome.scores, strict=True)
            ),
            epochs=outcome.epochs,
            rungs=tuple((epoch, _finite(score)) for epoch, score in outcome.rungs),
            recipe=candidate.recipe,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a trial as `lossmith show --json` prints it."""
        return fields_of(self)

    @property
    def loss(self) -> dict[str, float]:
        """The parameters of its loss alone."""
        return {name: value for name, value in self.params.items() if name != RATE}

    @property
    def learning_rate(self) -> float:
        """The learning rate it was trained at."""
        return self.params[RATE]

    @property
    def known(self) -> list[float]:
        """The scores of the repeats that have one, in their order."""
        return [one.score for one in self.scores if one.score is not None]

    @property
    def sd(self) -> float | None:
        """The standard deviation over repeats; None for a single one, and where one diverged."""
        return deviation(self.known) if self.score is not None and len(self.scores) > 1 else None


def ranked(rows: Iterable[TrialRow], sign: int) -> list[TrialRow]:
    """List the complete trials, the best first.

    Args:
        rows: Trials in any state.
        sign: +1 where a greater score is better, -1 where a smaller one is.
    """
    whole = [(row.score, row) for row in rows if row.state == "complete" and row.score is not None]
    return [row for _, row in sorted(whole, key=lambda pair: (-sign * pair[0], pair[1].number))]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _formula(spec: LossSpec) -> str:
    """The formula, or where a part is not known here (see `trust`) what it is made of."""
    if spec.parts <= parts().keys():
        return formula(spec)
    return ", ".join(f"{name}={value:.4g}" for name, value in spec.parameters.items())
