"""One search, as the store knows it: what came of it so far, and its winner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch

from ..losses import LossSpec, UserError, formula
from ..losses.freeze import constants_read
from ..search.metrics import METRICS
from ..search.trial import State, Trial, best_of
from .export import export_loss
from .json_text import finite
from .store import SearchRecord, Status, Store
from .version import version


@dataclass(frozen=True)
class Answer:
    """The loss to train with, as far as the search can tell, and `note`, which says why it is this one.

    `loss` is bound to the constants of the training data; its scale and `learning_rate` belong together.
    """

    loss: LossSpec
    learning_rate: float
    number: int
    standard: str | None
    note: str


class Experiment:
    """A view on one search in a store; it reads afresh, so a running search can be watched through it."""

    def __init__(self, store: Store, name: str) -> None:
        """Raises `UserError` when the store has no search of that name."""
        self._store = store
        self.name = store.get(name).name

    def __repr__(self) -> str:
        return f"Experiment({self.name!r}, {self.status})"

    @property
    def record(self) -> SearchRecord:
        """The search as the store keeps it, without its trials."""
        return self._store.get(self.name)

    @property
    def status(self) -> Status:
        """running, finished, interrupted, cancelled or failed."""
        return self.record.status

    @property
    def trials(self) -> list[Trial]:
        """Every finished trial, by number."""
        return self._store.trials(self.record.id)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best mean score, or None while there is none."""
        return best_of(self.trials, METRICS[self.record.task["metric"]].sign)

    @property
    def verdict(self) -> dict[str, Any] | None:
        """The comparison on sealed test data, or None before there is one."""
        return self.record.verdict

    def winner(self) -> LossSpec:
        """The verdict's winner; before the verdict, the loss of the best complete trial. Bound to its data.

        Raises `UserError` when no trial is complete.
        """
        record = self.record
        if record.verdict is not None:
            return LossSpec.from_json(record.verdict["winner"]["loss"])
        return self._so_far(record).loss

    def answer(self) -> Answer:
        """The loss to train with: the winner, or the best standard loss where the winner did not beat it.

        Raises `UserError` when no trial is complete.
        """
        record = self.record
        verdict = record.verdict
        if verdict is None:
            return self._so_far(record)
        winner, standard = verdict["winner"], verdict["best_standard"]
        if verdict["better"]:
            return _answer(winner, "the winner, better than every standard loss on test data")
        name = standard["standard"]
        if winner["standard"] is not None:
            return _answer(
                winner, f"the standard loss {winner['standard']}: no searched loss was shown to be better"
            )
        return _answer(standard, f"the standard loss {name}: the winner did not beat it on test data")

    def export(self, directory: str | Path) -> list[Path]:
        """Write the answer as `loss.py`, `loss.pt2` and `loss.json`; see `export_loss` and `answer`."""
        record, answer = self.record, self.answer()
        provenance = {
            "search": record.name,
            "task": record.task.get("name", record.spec.get("task")),
            "trial": answer.number,
            "answer": answer.note,
            "learning_rate": answer.learning_rate,
            "seed": record.seed,
            "status": record.status,
            "created_at": record.created_at.isoformat(timespec="seconds"),
            "lossmith": version(),
            "torch": torch.__version__,
            "spec": record.spec,
        }
        return export_loss(answer.loss, directory, verdict=record.verdict, provenance=provenance)

    def document(self) -> dict[str, Any]:
        """What `lossmith show --json` prints: plain dicts, lists, text and finite numbers."""
        record, trials = self.record, self.trials
        best = best_of(trials, METRICS[record.task["metric"]].sign)
        document: dict[str, Any] = finite(
            {
                **summary(record, Counter(trial.outcome.state for trial in trials)),
                "spec": record.spec,
                "task": record.task,
                "seconds": record.seconds,
                "notes": record.notes,
                "best": None if best is None else trial_document(best),
                "verdict": record.verdict,
                "trials": [trial_document(trial) for trial in trials],
            }
        )
        return document

    def _so_far(self, record: SearchRecord) -> Answer:
        best = self.best
        if best is None:
            raise UserError(
                f"a search needs one complete trial before it has a winner, but {self.name} is "
                f"{record.status} without any; go on with lossmith resume {self.name}"
            )
        spec = best.candidate.spec
        if spec.class_counts is None and spec.target_scale is None:
            spec = spec.bind(record.task.get("class_counts"), record.task.get("target_scale"))
        for constant in constants_read(spec):
            if getattr(spec, constant) is None:
                raise UserError(
                    f"the loss of trial {best.number} reads {constant}, which {self.name} keeps with its "
                    f"verdict; go on with lossmith resume {self.name}"
                )
        note = (
            f"the best trial so far, neither raced nor compared on test data: the search is {record.status}"
        )
        return Answer(spec, best.candidate.recipe.rate, best.number, best.candidate.standard, note)


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
        "formula": formula(candidate.spec),
        "params": {**candidate.spec.parameters, "recipe.learning_rate": candidate.recipe.rate},
        "score": outcome.score,
        "scores": [
            {"seed": repeat.seed, "fold": repeat.fold, "partition": repeat.partition, "score": score}
            for repeat, score in zip(trial.repeats, outcome.scores, strict=True)
        ],
        "epochs": outcome.epochs,
        "recipe": candidate.recipe.to_json(),
    }


def _answer(entry: Mapping[str, Any], note: str) -> Answer:
    spec = LossSpec.from_json(entry["loss"])
    return Answer(spec, float(entry["learning_rate"]), int(entry["number"]), entry["standard"], note)
