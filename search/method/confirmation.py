"""After the verdict: its losses once more, with the full model, where the search was on a part of it."""

from __future__ import annotations

from typing import Any

from ..records.ledger import Unit, recall
from ..records.trial import Candidate, Repeat, Trial
from ..statistics import bootstrap_scores, compare, deviation, mean
from ..tasks.task import Task
from ..training.cohort_trainer import Trainer
from .context import SearchContext
from .race import Finalists

SEEDS = 3  # a full model is dear: enough to see a reversal
MOST_RATIO = 3.0  # between the rates of the two losses; a head's rate says little more of the full model


def confirm(stage: SearchContext, finalists: Finalists, document: dict[str, Any]) -> dict[str, Any]:
    """The verdict's document with `confirmation`, the comparison of its two losses on `task.confirm`.

    The document as it is where the task has nothing to confirm on, or no searched loss came to the race.
    """
    task, searched = getattr(stage.task, "confirm", None), finalists.searched
    if task is None or searched is None:
        return document
    unit = recall(
        stage.ledger,
        "confirm",
        0,
        lambda: Unit("confirm", 0, payload=_compared(stage, task, searched, finalists.standard)),
    )
    assert unit.payload is not None
    return {
        **document,
        "confirmation": unit.payload,
        "sentence": f"{document['sentence']} {unit.payload['sentence']}",
    }


def _compared(stage: SearchContext, task: Task, searched: Trial, standard: Trial) -> dict[str, Any]:
    stage.progress.phase("confirm", 2)
    rates = _rates(task.settings.rate, searched, standard)
    candidates = [
        Candidate(trial.candidate.spec, task.settings.with_rate(rate), trial.candidate.standard)
        for trial, rate in zip((searched, standard), rates, strict=True)
    ]
    repeats = [Repeat(seed) for seed in range(SEEDS)]
    # Threads, no processes: those have to be forked before a search has begun.
    trainer = Trainer(task, seed=stage.plan.seed, engine="loop")
    tested = trainer.test(candidates, repeats, stage.watch(0, 2, None))
    assert tested.outputs is not None
    drawn = bootstrap_scores(task.measure, tested.outputs, task.test[1], stage.plan.seed)
    one, two = tested.scores.tolist()
    ahead = compare(drawn, 0, 1, mean(one) - mean(two), task.measure.sign)
    found = {
        "task": task.name,
        "metric": task.metric,
        "repeats": SEEDS,
        **vars(ahead),
        **{
            who: {"mean": mean(s), "sd": deviation(s), "by_repeat": s, "learning_rate": rate}
            for who, s, rate in (("searched", one, rates[0]), ("best_standard", two, rates[1]))
        },
    }
    return {**found, "sentence": _sentence(found, task.measure.sign)}


def _rates(usual: float, searched: Trial, standard: Trial) -> tuple[float, float]:
    """The full model's rate, and for the searched loss in the proportion that the heads had found."""
    ratio = searched.candidate.recipe.rate / standard.candidate.recipe.rate
    return usual * min(MOST_RATIO, max(1 / MOST_RATIO, ratio)), usual


def _sentence(found: dict[str, Any], sign: int) -> str:
    low, high = sorted((sign * found["ci_low"], sign * found["ci_high"]))
    word = "Confirmed" if low > 0 else "Contradicted" if high < 0 else "Open"
    return (
        f"{word} with the full model: {found['metric']} {found['searched']['mean']:.4f} for the searched "
        f"loss against {found['best_standard']['mean']:.4f} (difference {found['difference']:+.4f}, 95% "
        f"interval {found['ci_low']:+.4f} to {found['ci_high']:+.4f})."
    )
