"""After the verdict: whether the searched loss is worth anything on other tasks.

On each of them the standard losses are tuned as the search tuned its own, and so is the learning rate of the
searched loss; both are then refitted and compared on that task's test data, which nothing else reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...spaces.recipe import Recipe
from ..proposals.proposer import Proposer
from ..records.ledger import MemoryLedger, Unit, recall
from ..records.trial import Candidate, Trial
from ..statistics import Lead
from ..tasks.task import Task
from ..training.cohort_trainer import Trainer
from ..training.engines.autotune import usable_engine
from .context import SearchContext
from .headroom import headroom
from .race import Finalists
from .verdict import verdict

FIRST = 1_000_000  # the number of its first trial: they are counted apart and are nobody's trials


def transfer(
    stage: SearchContext, finalists: Finalists, others: Sequence[Task], document: dict[str, Any]
) -> dict[str, Any]:
    """The verdict's document with `transfer`: for each other task, by name, how the searched loss does there.

    That is `scores` of the searched loss and of the best tuned standard loss, their `difference` with its
    interval and p-value over `repeats` refits, and a `sentence`. The document as it is where no searched
    loss came to the race.
    """
    searched = finalists.searched
    if not others or searched is None:
        return document
    found = {other.name: _kept(stage, searched, index, other) for index, other in enumerate(others)}
    sentences = " ".join(row["sentence"] for row in found.values())
    return {**document, "transfer": found, "sentence": f"{document['sentence']} {sentences}"}


def _kept(stage: SearchContext, searched: Trial, index: int, other: Task) -> dict[str, Any]:
    unit = recall(
        stage.ledger,
        "transfer",
        index,
        lambda: Unit("transfer", index, payload=_rescored(stage, searched, other)),
    )
    assert unit.payload is not None
    return unit.payload


def _rescored(stage: SearchContext, searched: Trial, other: Task) -> dict[str, Any]:
    plan = replace(stage.plan, headroom="off")
    # Threads, no processes: those have to be forked before a search has begun.
    runner = Trainer(other, folds=plan.folds, seed=plan.seed, engine=usable_engine(other))
    search = Proposer(stage.search.space, other.settings, sampler="random", seed=plan.seed)
    there = SearchContext(other, plan, search, runner, MemoryLedger(), stage.progress)
    stage.progress.note(f"transfer: the searched loss on {other.name}")
    tuned = headroom(there)
    own = _tuned(there, searched.candidate)
    standard = there.best(list(tuned.best.values()))
    if own is None or standard is None:
        lost = "the searched loss" if own is None else "every standard loss"
        return {"sentence": f"On {other.name} {lost} diverged at every learning rate."}
    # No race: the one question that this task's test data answer was chosen on another task.
    judged = verdict(there, tuned, Finalists(own, standard, Lead(0.0, math.inf, 0.0), 0))
    row = judged["challenger"]
    found = {
        "metric": judged["metric"],
        "best_standard": judged["best_standard"]["standard"],
        "scores": {
            "searched": {key: row[key] for key in ("mean", "sd", "by_repeat", "learning_rate")},
            "best_standard": {
                **judged["scores"]["best_standard"],
                "learning_rate": judged["best_standard"]["learning_rate"],
            },
        },
        **{key: row[key] for key in ("difference", "ci_low", "ci_high", "p_value")},
        "repeats": judged["repeats"],
    }
    return {**found, "sentence": _sentence(found, other.name, other.measure.sign)}


def _tuned(stage: SearchContext, found: Candidate) -> Trial | None:
    """The loss at its best learning rate there: over the same ones as a standard loss, then more finely."""
    recipes = stage.search.recipes(stage.plan.rates)
    step = (recipes[1].rate / recipes[0].rate) ** 0.5 if len(recipes) > 1 else 1.0

    def trained(index: int, tried: Sequence[Recipe]) -> tuple[Trial, ...]:
        candidates = [Candidate(found.spec, recipe) for recipe in tried]
        return stage.trials("transfer", index, FIRST + index * len(recipes), candidates, None).trials

    trials = trained(0, recipes)
    best = stage.best(trials)
    if best is None or step <= 1:
        return best
    recipe = best.candidate.recipe
    return stage.best([*trials, *trained(1, [recipe.with_rate(recipe.rate * by) for by in (1 / step, step)])])


def _sentence(found: dict[str, Any], task: str, sign: int) -> str:
    low, high = sorted((sign * found["ci_low"], sign * found["ci_high"]))
    word = "better than" if low > 0 else "worse than" if high < 0 else "not told apart from"
    mean = {who: row["mean"] for who, row in found["scores"].items()}
    return (
        f"On {task} the searched loss is {word} the best tuned standard loss, {found['best_standard']}: "
        f"{found['metric']} {mean['searched']:.4f} against {mean['best_standard']:.4f} (difference "
        f"{found['difference']:+.4f}, 95% interval {found['ci_low']:+.4f} to {found['ci_high']:+.4f})."
    )
