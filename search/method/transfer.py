"""After the verdict: whether the searched loss is worth anything on other tasks.

On each of them the standard losses are tuned as the search tuned its own, and so is the learning rate of the
searched loss; both are then refitted and compared on that task's test data, which nothing else reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ...spaces.recipe import Recipe
from ..proposals.proposer import Proposer
from ..records import (
    Candidate,
    MemoryLedger,
    Rescored,
    Transfer,
    Trial,
    Verdict,
    decimals,
    recall_record,
)
from ..statistics import Lead
from ..tasks.task import Task
from ..training.cohort_trainer import Trainer
from ..training.engines.autotune import usable_engine
from .context import SearchContext
from .headroom import headroom
from .race import Finalists
from .verdict import verdict

FIRST = 1_000_000  # the number of its first trial: they are counted apart and are nobody's trials


def transfer(context: SearchContext, finalists: Finalists, others: Sequence[Task], found: Verdict) -> Verdict:
    """Return the verdict with how the searched loss does on other tasks.

    The verdict as it is where no searched loss came to the race.

    Args:
        context: The search.
        finalists: How the race ended.
        others: The other tasks.
        found: The verdict.
    """
    searched = finalists.searched
    if not others or searched is None:
        return found
    rescored = {
        other.name: recall_record(
            context.ledger,
            ("transfer", index),
            Transfer,
            lambda other=other: _rescored(context, searched, other),  # type: ignore[misc]
        )
        for index, other in enumerate(others)
    }
    sentences = " ".join(row.sentence for row in rescored.values())
    return replace(found, transfer=rescored, sentence=f"{found.sentence} {sentences}")


def _rescored(context: SearchContext, searched: Trial, other: Task) -> Transfer:
    plan = replace(context.plan, headroom="off")
    # Threads, no processes: those have to be forked before a search has begun.
    runner = Trainer(other, folds=plan.folds, seed=plan.seed, engine=usable_engine(other))
    proposer = Proposer(context.proposer.space, other.settings, sampler="random", seed=plan.seed)
    there = SearchContext(other, plan, proposer, runner, MemoryLedger(), context.progress)
    context.progress.note(f"transfer: the searched loss on {other.name}")
    tuned = headroom(there)
    own = _tuned(there, searched.candidate)
    standard = there.best(list(tuned.best.values()))
    if own is None or standard is None:
        lost = "the searched loss" if own is None else "every standard loss"
        return Transfer(f"On {other.name} {lost} diverged at every learning rate.")
    # No race: the one question that this task's test data answer was chosen on another task.
    judged = verdict(there, tuned, Finalists(own, standard, Lead(0.0, math.inf, 0.0), 0))
    row, name = judged.challenger, judged.best_standard.standard
    assert row is not None
    assert row.ahead is not None
    assert name is not None
    found = Rescored(
        judged.metric,
        name,
        replace(row.scores, learning_rate=row.learning_rate),
        replace(judged.best_standard.scores, learning_rate=judged.best_standard.learning_rate),
        row.ahead,
        judged.repeats,
    )
    return Transfer(_sentence(found, other.name, other.measure.sign), found)


def _tuned(context: SearchContext, found: Candidate) -> Trial | None:
    """The loss at its best learning rate there: over the same ones as a standard loss, then more finely."""
    recipes = context.proposer.recipes(context.plan.rates)
    step = (recipes[1].rate / recipes[0].rate) ** 0.5 if len(recipes) > 1 else 1.0

    def trained(index: int, tried: Sequence[Recipe]) -> tuple[Trial, ...]:
        candidates = [Candidate(found.spec, recipe, cutoff=found.cutoff) for recipe in tried]
        return context.trials("transfer", index, FIRST + index * len(recipes), candidates, None).trials

    trials = trained(0, recipes)
    best = context.best(trials)
    if best is None or step <= 1:
        return best
    recipe = best.candidate.recipe
    return context.best(
        [*trials, *trained(1, [recipe.with_rate(recipe.rate * by) for by in (1 / step, step)])]
    )


def _sentence(found: Rescored, task: str, sign: int) -> str:
    ahead = found.ahead
    low, high = ahead.toward_better(sign)
    word = "better than" if low > 0 else "worse than" if high < 0 else "not told apart from"
    n = decimals(found.searched.mean)
    return (
        f"On {task} the searched loss is {word} the best tuned standard loss, {found.standard}: "
        f"{found.metric} {found.searched.mean:.{n}f} against {found.best_standard.mean:.{n}f} "
        f"({ahead.words(sign, decimals=n)})."
    )
