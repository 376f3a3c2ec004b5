"""Phase 1: cohorts of proposed losses, thinned at rungs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..proposals.prefetch import ProposalPrefetcher, cohort_size
from ..records import Explored, RungSchedule, Trial, Unit
from .budget import seconds_for_exploring
from .context import SearchContext
from .headroom import leading


def explore(context: SearchContext, known: Sequence[Trial]) -> tuple[Trial, ...]:
    """Ask, train and tell until the budget is spent or the space holds nothing new.

    Args:
        context: The search, after headroom.
        known: The trials of headroom.
    """
    plan, proposer = context.plan, context.proposer
    proposer.tell([t for t in known if t.candidate.cutoff == "fixed"])  # a cut-off is no point of the space
    explored: list[Trial] = []
    rungs = trusted_rungs(context, known)
    limit, spent, index = seconds_for_exploring(context, known), 0.0, 0
    best: Trial | None = None  # of the searched losses: that of headroom was told
    context.progress.phase("explore", plan.trials or 0)
    with ProposalPrefetcher(proposer, plan) as proposals:
        while True:
            found = context.ledger.find("explore", index)
            first = len(known) + len(explored)
            if found is None and index and limit is not None and spent >= limit:
                return tuple(explored)
            unit = found or _next(context, proposals, rungs, first, index, len(explored), best)
            if unit is None:
                return tuple(explored)
            proposals.finished(unit)
            explored += unit.trials
            spent += unit.seconds
            index += 1
            best = context.best([t for t in (best, *unit.trials) if t is not None])
            context.progress.advance(len(explored), best.outcome.score if best else None)


def trusted_rungs(context: SearchContext, known: Sequence[Trial]) -> RungSchedule:
    """Halving, but only at those rungs where it would have kept the standard losses that ended best.

    Some losses learn slowly and end best, those that bear wrong labels above all. Where half of the standard
    losses were ahead of such a one, half of a cohort would be, and nobody would see how it ends.

    Args:
        context: The search, after headroom.
        known: The trials of headroom.
    """
    halving, sign = RungSchedule.halving(context.task.settings.epochs), context.task.measure.sign
    best = leading(known, sign)
    if not all(dict(trial.outcome.rungs).keys() >= set(halving.epochs) for trial in best):
        return halving  # it is not known how they stood
    running = {trial.number: trial for trial in known if trial.outcome.state == "complete"}
    trusted: list[int] = []
    for epoch in halving.epochs:
        means = {number: dict(trial.outcome.rungs)[epoch] for number, trial in running.items()}
        pruned = halving.pruned(means, sign, len(known), len(trusted))
        if not any(trial.number in pruned for trial in best):
            trusted.append(epoch)
            running = {number: trial for number, trial in running.items() if number not in pruned}
        else:
            context.progress.note(
                f"explore: no trial is pruned at epoch {epoch}, where losses that end best are still behind"
            )
    return replace(halving, epochs=tuple(trusted))


def _next(
    context: SearchContext,
    proposals: ProposalPrefetcher,
    rungs: RungSchedule,
    first: int,
    index: int,
    done: int,
    best: Trial | None,
) -> Unit | None:
    """The next cohort, trained; None when nothing is left to do."""
    plan = context.plan
    size = cohort_size(plan)
    left = size if plan.trials is None else min(size, plan.trials - done)
    if left <= 0:
        return None
    following = size if plan.trials is None else min(size, plan.trials - done - left)
    candidates, asked = proposals.take(left, following)
    if not candidates:
        context.progress.note(f"explore: the space holds no losses but the {done} explored")
        return None
    return context.trials(
        "explore",
        index,
        first,
        candidates,
        rungs,
        context.watch(done, len(candidates), best),
        Explored(asked, context.proposer.reason),
    )
