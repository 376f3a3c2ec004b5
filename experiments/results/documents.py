"""What `--json` prints of searches and trials: plain dicts, lists, text and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from ...losses import LossSpec, formula, parts
from ...search.records import State, Trial
from ...spaces.recipe import Recipe
from ..store import SearchRecord


def summary(record: SearchRecord, counts: Mapping[State, int]) -> dict[str, Any]:
    """What `lossmith list --json` prints of each search."""
    return {
        "name": record.name,
        "status": record.status,
        "reason": record.reason,
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        "counts": {state: counts.get(state, 0) for state in get_args(State)},
        "mlflow": {"experiment_id": record.experiment_id, "run_id": record.run_id},
    }


def trial_document(trial: Trial) -> dict[str, Any]:
    """One trial: its parameters by name, its score, and its scores by seed, fold and partition."""
    candidate, outcome = trial.candidate, trial.outcome
    return {
        "number": trial.number,
        "phase": trial.phase,
        "cohort": trial.cohort,
        "state": outcome.state,
        "reason": outcome.reason,
        "standard": candidate.standard,
        "formula": _formula(candidate.spec),
        "params": {**candidate.spec.parameters, "recipe.learning_rate": candidate.recipe.rate},
        "score": outcome.score,
        "scores": [
            {"seed": repeat.seed, "fold": repeat.fold, "partition": repeat.partition, "score": score}
            for repeat, score in zip(trial.repeats, outcome.scores, strict=True)
        ],
        "epochs": outcome.epochs,
        "rungs": [list(rung) for rung in outcome.rungs],
        "recipe": candidate.recipe.to_json(),
    }


def _formula(spec: LossSpec) -> str:
    """The formula, or where a part is not known here (see `trust`) what it is made of."""
    if spec.parts <= parts().keys():
        return formula(spec)
    return ", ".join(f"{name}={value:.4g}" for name, value in spec.parameters.items())


def trained_at(document: Mapping[str, Any], number: int, rate: float) -> str:
    """In words, how the trial `number` was trained: at `rate`, with what its recipe says unlike the task's.

    `document` is that of a search, with `task` and `trials`.
    """
    own = next((trial["recipe"] for trial in document["trials"] if trial["number"] == number), None)
    usual = document["task"].get("recipe")
    beside = Recipe.from_mapping(own).beside(Recipe.from_mapping(usual)) if own and usual else ""
    return f"learning rate {rate:.3g}{f', {beside}' if beside else ''}"
