"""After the verdict: its losses once more, with the full model, where the search was on a part of it."""

from __future__ import annotations

from dataclasses import replace

from ..records import (
    CONFIRMATION,
    Candidate,
    Comparison,
    Confirmation,
    RefitScores,
    Repeat,
    Trial,
    Verdict,
    decimals,
    recall_record,
)
from ..statistics import bootstrap_scores, compare, refit_scores
from ..tasks.task import Task
from ..training.cohort_trainer import Trainer
from .context import SearchContext
from .race import Finalists

SEEDS = 3  # a full model is dear: enough to see a reversal
MOST_RATIO = 3.0  # between the rates of the two losses; a head's rate says little more of the full model


def confirm(context: SearchContext, finalists: Finalists, found: Verdict) -> Verdict:
    """Return the verdict with the comparison of its two losses on `task.confirm`.

    The verdict as it is where the task has nothing to confirm on, or no searched loss came to the race.

    Args:
        context: The search.
        finalists: How the race ended.
        found: The verdict.
    """
    task, searched = getattr(context.task, "confirm", None), finalists.searched
    if task is None or searched is None:
        return found
    confirmation = recall_record(
        context.ledger,
        CONFIRMATION,
        Confirmation,
        lambda: _compared(context, task, searched, finalists.standard),
    )
    return replace(found, confirmation=confirmation, sentence=f"{found.sentence} {confirmation.sentence}")


def _compared(context: SearchContext, task: Task, searched: Trial, standard: Trial) -> Confirmation:
    context.progress.phase("confirm", 2)
    rates = _rates(task.settings.rate, searched, standard)
    candidates = [
        Candidate(trial.candidate.spec, task.settings.with_rate(rate), trial.candidate.standard)
        for trial, rate in zip((searched, standard), rates, strict=True)
    ]
    repeats = [Repeat(seed) for seed in range(SEEDS)]
    # Threads, no processes: those have to be forked before a search has begun.
    trainer = Trainer(task, seed=context.plan.seed, engine="loop")
    tested = trainer.test(candidates, repeats, context.watch(0, 2, None))
    assert tested.outputs is not None
    measure = task.measure.weighted(tested.weights)
    drawn = bootstrap_scores(measure, tested.outputs, task.test[1], context.plan.seed)
    own, other = (refit_scores(*pair) for pair in zip(tested.scores.tolist(), rates, strict=True))
    ahead = compare(drawn, 0, 1, own.mean - other.mean, task.measure.sign)
    sentence = _sentence(str(task.metric), own, other, ahead, task.measure.sign)
    return Confirmation(task.name, str(task.metric), SEEDS, own, other, ahead, sentence)


def _rates(usual: float, searched: Trial, standard: Trial) -> tuple[float, float]:
    """The full model's rate, and for the searched loss in the proportion that the heads had found."""
    ratio = searched.candidate.recipe.rate / standard.candidate.recipe.rate
    return usual * min(MOST_RATIO, max(1 / MOST_RATIO, ratio)), usual


def _sentence(metric: str, own: RefitScores, other: RefitScores, ahead: Comparison, sign: int) -> str:
    low, high = ahead.toward_better(sign)
    word = "Confirmed" if low > 0 else "Contradicted" if high < 0 else "Open"
    n = decimals(own.mean)
    return (
        f"{word} with the full model: {metric} {own.mean:.{n}f} for the searched loss against "
        f"{other.mean:.{n}f} ({ahead.words(sign, decimals=n)})."
    )
