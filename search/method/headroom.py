"""Phase 0: the standard losses, each over several learning rates.

They are tuned as the searched losses will be, they are what a winner has to beat, and their differences
tell how much a loss can matter on this task at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..records import (
    HEADROOM_ASSESSMENT,
    HEADROOM_FINER,
    HEADROOM_GRID,
    Candidate,
    Measurement,
    RungSchedule,
    Trial,
    Unit,
    best_of,
    recall,
)
from ..statistics import deviation
from ..tasks.standard_losses import standards
from .context import SearchContext
from .power import assess_headroom

LEADING = 4  # standard losses that are tuned more finely, and whose parts a space is opened to


@dataclass(frozen=True)
class Tuned:
    """The standard losses at their best learning rates, by name, and every trial it took to find them.

    `gate` is what they tell of the task, as `power.assess_headroom` says it; `stop` says why the
    search should end here, when it should.
    """

    best: dict[str, Trial]
    trials: tuple[Trial, ...]
    stop: str | None = None
    gate: dict[str, Any] = field(default_factory=dict)


def headroom(context: SearchContext) -> Tuned:
    """Train every standard loss over `plan.rates` learning rates in one cohort, the best ones more finely."""
    recipes = context.proposer.recipes(context.plan.rates)
    named = standards(context.task)
    specs = {spec.hash: name for name, spec in reversed(named.items())}
    candidates = [Candidate(named[n], r, standard=n) for n in reversed(specs.values()) for r in recipes]
    step = (recipes[1].rate / recipes[0].rate) ** 0.5 if len(recipes) > 1 else 1.0
    extra = 2 * min(LEADING, len(specs)) if step > 1 else 0
    total = len(candidates) + extra
    context.progress.phase("headroom", total)
    coarse = context.trials(
        *HEADROOM_GRID,
        0,
        candidates,
        _looked_at(context),
        watch=context.watch(0, len(candidates), None),
        seen=lambda measured: _sample_error(context, measured),
    )
    trials = coarse.trials
    if extra:
        trials += _finer(context, trials, step)
    best = _best(context, trials)
    leader = context.best(trials)
    context.progress.advance(total, leader.outcome.score if leader else None)
    if leader is None:
        return Tuned(
            best, trials, "every standard loss diverged at every learning rate; check the data and the recipe"
        )
    unique = list({t.number: t for t in best.values()}.values())
    found = coarse.payload or {}
    errors = (found.get("sample_error"), found.get("score_error", 0.0))
    gate = recall(
        context.ledger,
        *HEADROOM_ASSESSMENT,
        lambda: Unit(*HEADROOM_ASSESSMENT, payload=assess_headroom(context, unique, leader, *errors)),
    ).payload
    assert gate is not None
    if context.plan.headroom != "off":
        context.progress.note(gate["message"])
    stop = context.plan.headroom == "stop" and not gate["matters"]
    return Tuned(best, trials, f"{gate['message']} (headroom: stop)" if stop else None, gate)


def _finer(context: SearchContext, trials: Sequence[Trial], step: float) -> tuple[Trial, ...]:
    """The leading standard losses at the learning rates half-way to those beside their best one.

    A search tries its losses at hundreds of learning rates; a standard loss that is judged by a coarse grid
    would lose to its own self.
    """
    candidates = [
        replace(t.candidate, recipe=t.candidate.recipe.with_rate(rate))
        for t in leading(trials, context.task.measure.sign)
        for rate in (t.candidate.recipe.rate / step, t.candidate.recipe.rate * step)
    ]
    if not candidates:
        return ()
    watch = context.watch(len(trials), len(candidates), context.best(trials))
    return context.trials(*HEADROOM_FINER, len(trials), candidates, _looked_at(context), watch=watch).trials


def _looked_at(context: SearchContext) -> RungSchedule | None:
    """Rungs that drop nobody: how the standard losses stand there tells where exploring may thin cohorts.

    A loop of the user's own cannot be paused; each look would be a training more.
    """
    halving = RungSchedule.halving(context.task.settings.epochs)
    return replace(halving, keep=1.0) if context.task.reports_outputs else None


def leading(trials: Iterable[Trial], sign: int) -> list[Trial]:
    """The best trial of each of the few best losses, the best first."""
    found = _best_of_each(trials, sign).values()
    return sorted(found, key=lambda t: (-sign * t.outcome.score, t.number))[:LEADING]


def _best(context: SearchContext, trials: Sequence[Trial]) -> dict[str, Trial]:
    """The best trial of each standard loss, by its names: names for one loss share its trials."""
    found = _best_of_each(trials, context.task.measure.sign)
    named = standards(context.task)
    return {name: found[spec.hash] for name, spec in named.items() if spec.hash in found}


def _best_of_each(trials: Iterable[Trial], sign: int) -> dict[str, Trial]:
    """The best trial of each loss, by its hash; none of a loss that never came to an end."""
    by_loss: dict[str, list[Trial]] = {}
    for trial in trials:
        by_loss.setdefault(trial.candidate.spec.hash, []).append(trial)
    found = {loss: best_of(some, sign) for loss, some in by_loss.items()}
    return {loss: trial for loss, trial in found.items() if trial is not None}


def _sample_error(context: SearchContext, measured: Sequence[Measurement]) -> dict[str, Any]:
    """The standard errors that held-out samples give to the best tuned standard loss.

    `sample_error` is that of its lead over the one from which it differs most, `score_error` of its score.
    """
    sign, rates = context.task.measure.sign, context.plan.rates
    groups = [measured[i : i + rates] for i in range(0, len(measured), rates)]
    tuned = [
        max(whole, key=lambda m: sign * m.outcome.score)
        for group in groups
        if (whole := [m for m in group if m.complete and m.resampled])
    ]
    if len(tuned) < 2:
        return {}
    leader = max(tuned, key=lambda m: sign * m.outcome.score)
    return {
        "sample_error": max(
            deviation([a - b for a, b in zip(leader.resampled, one.resampled, strict=True)])
            for one in tuned
            if one is not leader
        ),
        "score_error": deviation(leader.resampled),
    }
