"""The loss to train with, as far as a search can tell."""

from __future__ import annotations

from dataclasses import dataclass

from ...losses import BoundLoss, UserError
from ...losses.frozen import constants_read
from ...search.records import Entrant, Trial, Verdict
from ...search.tasks import TaskRecord
from ..store import SearchRecord


@dataclass(frozen=True)
class Answer:
    """The loss to train with, as far as the search can tell.

    Attributes:
        loss: Bound to the constants of the training data; its scale and the learning rate belong together.
        learning_rate: What to train it at.
        number: The number of its trial.
        standard: Its name, where it is a standard loss.
        note: Why it is this one.
    """

    loss: BoundLoss
    learning_rate: float
    number: int
    standard: str | None
    note: str


def decided(verdict: Verdict) -> Answer:
    """Choose the loss that a verdict says to use."""
    winner, standard = verdict.winner, verdict.best_standard
    if verdict.compared is not None:
        return _of(winner, f"the answer of a comparison: {verdict.compared.answer}")
    if verdict.better:
        return _of(winner, "the winner, better than every standard loss on test data")
    name = standard.standard
    if verdict.use == "usual" and verdict.usual is not None:
        return _of(verdict.usual, f"the usual loss {verdict.usual.standard}: nothing was told apart from it")
    if winner.standard is not None:
        return _of(winner, f"the standard loss {winner.standard}: no searched loss was shown to be better")
    if verdict.use == "winner":
        return _of(
            winner,
            f"the winner: it led the race and leads {name} on test data, but not beyond chance there",
        )
    return _of(standard, f"the standard loss {name}: the winner was not ahead of it on test data")


def so_far(record: SearchRecord, task: TaskRecord, best: Trial | None) -> Answer:
    """Choose the loss of the best complete trial, bound to the data of its task.

    Args:
        record: A search without a verdict.
        task: What is kept of its task.
        best: The best complete trial; None where there is none.

    Raises:
        UserError: No trial is complete, or what the loss is bound to is not known before the verdict.
    """
    if best is None:
        raise UserError(
            f"a search needs one complete trial before it has a winner, but {record.name} is "
            f"{record.status} without any; go on with lossmith resume {record.name}"
        )
    spec = best.candidate.spec.bind(task.class_counts, task.target_scale)
    for constant in constants_read(spec):
        if getattr(spec, constant) is None:
            raise UserError(
                f"the loss of trial {best.number} reads {constant}, which {record.name} keeps with its "
                f"verdict; go on with lossmith resume {record.name}"
            )
    note = f"the best trial so far, neither raced nor compared on test data: the search is {record.status}"
    return Answer(spec, best.candidate.recipe.rate, best.number, best.candidate.standard, note)


def _of(entrant: Entrant, note: str) -> Answer:
    return Answer(entrant.loss.bind(), entrant.learning_rate, entrant.number, entrant.standard, note)
