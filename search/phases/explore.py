"""Phase 1: cohorts of proposed losses, thinned at rungs."""

from __future__ import annotations

from collections.abc import Sequence

from ..cohort import Rungs
from ..ledger import Unit
from ..trial import Trial
from .proposals import Proposals, cohort_size
from .stage import Stage


def explore(stage: Stage, known: Sequence[Trial]) -> tuple[Trial, ...]:
    """Ask, train and tell until the budget is spent or the space holds nothing new."""
    plan, search = stage.plan, stage.search
    search.tell(known)
    explored: list[Trial] = []
    spent, index = 0.0, 0
    best = stage.best(known)
    stage.progress.phase("explore", plan.trials or 0)
    with Proposals(search, plan) as proposals:
        while True:
            found = stage.ledger.find("explore", index)
            first = len(known) + len(explored)
            unit = found or _next(stage, proposals, first, index, len(explored), spent, best)
            if unit is None:
                return tuple(explored)
            proposals.finished(unit)
            explored += unit.trials
            spent += unit.seconds
            index += 1
            best = stage.best([t for t in (best, *unit.trials) if t is not None])
            stage.progress.advance(len(explored), best.outcome.score if best else None)


def _next(
    stage: Stage,
    proposals: Proposals,
    first: int,
    index: int,
    done: int,
    spent: float,
    best: Trial | None,
) -> Unit | None:
    """The next cohort, trained; None when nothing is left to do."""
    plan = stage.plan
    size = cohort_size(plan)
    left = size if plan.trials is None else min(size, plan.trials - done)
    if left <= 0 or (plan.time_limit_s is not None and spent >= plan.time_limit_s):
        return None
    following = size if plan.trials is None else min(size, plan.trials - done - left)
    candidates, asked = proposals.take(left, following)
    if not candidates:
        stage.progress.note(f"the space holds no more than the {done} losses explored")
        return None
    return stage.trials(
        "explore",
        index,
        first,
        candidates,
        Rungs.halving(stage.task.settings.epochs),
        {"asked": asked},
        stage.watch(done, len(candidates), best),
    )
