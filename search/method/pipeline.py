"""A whole search: headroom, explore, race, verdict, and what can be learnt from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...spaces import Space, extended
from ..proposals.proposer import Proposer
from ..records.ledger import Ledger
from ..records.plan import Plan
from ..tasks.subject import Subject
from ..tasks.task import Task
from ..training.runner import Runner
from .confirmation import confirm
from .context import Progress, SearchContext
from .explore import explore
from .headroom import Tuned, headroom, leading
from .insight import insight
from .race import race
from .random_baseline import rival
from .transfer import transfer
from .verdict import verdict


@dataclass(frozen=True)
class Conclusion:
    """How a search ended: the verdict's document, or None when headroom stopped it, with the reason."""

    verdict: dict[str, Any] | None
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
) -> Conclusion:
    """Run every phase that the ledger does not hold yet and return the conclusion.

    The searched loss is also tried on `others`, tasks of the same kind.
    """
    search = proposer_for(task, space, plan, sampler)
    stage = SearchContext(task, plan, search, runner, ledger, progress)
    tuned = headroom(stage)
    if tuned.stop is not None:
        return Conclusion(None, tuned.stop)
    stage = in_opened_space(stage, space, tuned, sampler)
    progress.note(stage.search.reason)
    explored = explore(stage, tuned.trials)
    finalists = race(stage, tuned, explored)
    drawn = rival(stage, tuned) if plan.random_search else None
    document = confirm(stage, finalists, verdict(stage, tuned, finalists, drawn))
    document = transfer(stage, finalists, others, document)
    if plan.insight:
        insight(stage, tuned, finalists, explored)
    return Conclusion(document)


def in_opened_space(stage: SearchContext, space: Space, tuned: Tuned, sampler: str) -> SearchContext:
    """The stage with a search whose space has the parts of the best standard losses too, if it opens."""
    if not space.extensible:
        return stage
    wider = extended(space, (t.candidate.spec for t in leading(tuned.trials, stage.task.measure.sign)))
    joined = [name for name in wider.parts if name not in space.parts]
    if not joined:
        return stage
    stage.progress.note(
        f"space {space.name}: opened to {', '.join(joined)}, for good standard losses have them"
    )
    return replace(stage, search=proposer_for(stage.task, wider, stage.plan, sampler))


def proposer_for(task: Subject, space: Space, plan: Plan, sampler: str = "auto") -> Proposer:
    """Who proposes the losses of a plan."""
    return Proposer(
        space,
        task.settings,
        sampler=sampler,
        budget=plan.trials,
        width=plan.width,
        seed=plan.seed,
        sign=task.measure.sign,
    )
