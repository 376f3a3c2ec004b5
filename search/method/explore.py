"""Phase 1: cohorts of proposed losses, thinned at rungs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ..proposals.prefetch import ProposalPrefetcher, cohort_size
from ..records.ledger import Unit
from ..records.trial import Trial
from ..training.cohort_trainer import RungSchedule
from .context import SearchContext
from .headroom import leading


def explore(stage: SearchContext, known: Sequence[Trial]) -> tuple[Trial, ...]:
    """Ask, train and tell until the budget is spent or the space holds nothing new."""
    plan, search = stage.plan, stage.search
    search.tell(known)
    explored: list[Trial] = []
    rungs = trusted_rungs(stage, known)
    spent, index = 0.0, 0
    best = stage.best(known)
    stage.progress.phase("explore", plan.trials or 0)
    with ProposalPrefetcher(search, plan) as proposals:
        while True:
            found = stage.ledger.find("explore", index)
            first = len(known) + len(explored)
            unit = found or _next(stage, proposals, rungs, first, index, len(explored), spent, best)
            if unit is None:
                return tuple(explored)
            proposals.finished(unit)
            explored += unit.trials
            spent += unit.seconds
            index += 1
            best = stage.best([t for t in (best, *unit.trials) if t is not None])
            stage.progress.advance(len(explored), best.outcome.score if best else None)


def trusted_rungs(stage: SearchContext, known: Sequence[Trial]) -> RungSchedule:
    """Halving, but only at those rungs where it would have kept the standard losses that ended best.

    Some losses learn slowly and end best, those that bear wrong labels above all. Where half of the standard
    losses were ahead of such a one, half of a cohort would be, and nobody would see how it ends.
    """
    halving, sign = RungSchedule.halving(stage.task.settings.epochs), stage.task.measure.sign
    best = leading(known, sign)
    if not all(dict(trial.outcome.rungs).keys() >= set(halving.epochs) for trial in best):
        return halving  # it is not known how they stood
    running = [trial for trial in known if trial.outcome.state == "complete"]
    trusted: list[int] = []
    for epoch in halving.epochs:
        ahead = sorted(running, key=lambda t: (-sign * dict(t.outcome.rungs)[epoch], t.number))
        stay = ahead[: math.ceil(len(known) * halving.keep ** (len(trusted) + 1))]
        if all(trial in stay for trial in best):
            trusted.append(epoch)
            running = stay
        else:
            stage.progress.note(
                f"explore: nothing is dropped at epoch {epoch}, where losses that end best are behind"
            )
    return replace(halving, epochs=tuple(trusted))


def _next(  # noqa: PLR0913, PLR0917  (where exploring stands)
    stage: SearchContext,
    proposals: ProposalPrefetcher,
    rungs: RungSchedule,
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
        rungs,
        {"asked": asked, "sampler": stage.search.reason},
        stage.watch(done, len(candidates), best),
    )
