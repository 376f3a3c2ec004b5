"""A whole search: headroom, explore, race, verdict, and what can be learnt from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...spaces import Space, extended
from ..proposals.proposer import Proposer
from ..records import Ledger, Plan, Progress, Verdict
from ..tasks.named_losses import NamedLoss
from ..tasks.subject import Subject
from ..tasks.task import Task
from ..training.runner import Runner
from .comparison import compare_named
from .confirmation import confirm
from .context import SearchContext
from .explore import explore
from .headroom import Tuned, headroom, leading
from .insight import insight
from .race import race
from .random_baseline import best_of_random_search
from .transfer import transfer
from .verdict import verdict


@dataclass(frozen=True)
class Conclusion:
    """How a search ended.

    Args:
        verdict: None when headroom stopped the search.
        reason: why it did.
    """

    verdict: Verdict | None
    reason: str | None = None


def conduct(  # noqa: PLR0913, PLR0917  (what a search is made of)
    task: Subject,
    space: Space,
    plan: Plan,
    runner: Runner,
    ledger: Ledger,
    progress: Progress,
    sampler: str = "auto",
    others: Sequence[Task] = (),
    reached: Callable[[Verdict], None] = lambda _: None,
    named: Sequence[NamedLoss] = (),
) -> Conclusion:
    """Run every phase that the ledger does not hold yet and return the conclusion.

    Args:
        task: What a loss is searched for.
        space: The losses that may be proposed.
        plan: The budget.
        runner: Trains the losses.
        ledger: Keeps what is finished; a search is resumed with the ledger it had.
        progress: Shows what happens.
        sampler: The name of the sampler that proposes.
        others: Tasks of the same kind, on which the searched loss is tried too.
        reached: Called with the verdict as soon as it is there, and again with what the phases after it add.
        named: Losses to compare, where none is to be searched.
    """
    proposer = proposer_for(task, space, plan, sampler)
    context = SearchContext(task, plan, proposer, runner, ledger, progress)
    if named:
        compared, reason = compare_named(context, named)
        if compared is not None:
            reached(compared)
        return Conclusion(compared, reason)
    tuned = headroom(context)
    if tuned.stop is not None:
        return Conclusion(None, tuned.stop)
    context = in_extended_space(context, space, tuned, sampler)
    progress.note(context.proposer.reason)
    explored = explore(context, tuned.trials)
    finalists = race(context, tuned, explored)
    drawn = best_of_random_search(context, tuned) if plan.random_search else None
    found = verdict(context, tuned, finalists, drawn)
    reached(found)
    found = transfer(context, finalists, others, confirm(context, finalists, found))
    reached(found)
    if plan.insight:
        insight(context, tuned, finalists, explored)
    return Conclusion(found)


def in_extended_space(context: SearchContext, space: Space, tuned: Tuned, sampler: str) -> SearchContext:
    """Return the context with a proposer for a wider space, where the standard losses ask for one.

    Ranges of the recipe beyond whose ends standard losses are best are wider there, and parts of the best
    standard losses join a space that is extensible.

    Args:
        context: The search, after headroom.
        space: The space that was asked for.
        tuned: The standard losses at their best learning rates.
        sampler: The name of the sampler that proposes.
    """
    wider = context.proposer.space
    wider = replace(wider, domains={**wider.domains, **tuned.wider})
    if space.extensible:
        best = leading(tuned.trials, context.task.measure.sign)
        wider = extended(wider, (t.candidate.spec for t in best))
    joined = [name for name in wider.parts if name not in space.parts]
    if not joined and not tuned.wider:
        return context
    if joined:
        context.progress.note(
            f"space {space.name}: the best standard losses here are made of parts that it lacked, so losses "
            f"with {', '.join(joined)} are searched too"
        )
    return replace(context, proposer=proposer_for(context.task, wider, context.plan, sampler))


def proposer_for(task: Subject, space: Space, plan: Plan, sampler: str = "auto") -> Proposer:
    """Return what proposes the losses of a plan.

    Args:
        task: What a loss is searched for.
        space: The losses that may be proposed.
        plan: The budget.
        sampler: The name of the sampler.
    """
    return Proposer(
        space,
        task.settings,
        sampler=sampler,
        budget=plan.trials,
        width=plan.width,
        seed=plan.seed,
        sign=task.measure.sign,
    )
