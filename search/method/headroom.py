"""Phase 0: the standard losses, each over several learning rates.

They are tuned as the searched losses will be, they are what a winner has to beat, and their differences
tell how much a loss can matter on this task at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...spaces import Domain
from ..records import (
    HEADROOM_ASSESSMENT,
    HEADROOM_FINER,
    HEADROOM_GRID,
    HEADROOM_WIDER,
    HeadroomAssessment,
    Measurement,
    RungSchedule,
    SampleErrors,
    Trial,
    decimals,
    recall_record,
)
from ..records.typed_json import read
from ..statistics import deviation
from .context import SearchContext
from .power import assess_headroom
from .standard_candidates import best_of_each, by_name, with_tuned_cutoff
from .widening import Edge, beyond, edges, searched_numbers, widened

LEADING = 4  # standard losses that are tuned more finely, and whose parts a space is extended with
ROUNDS = 4  # beyond the end of a range, at most


@dataclass(frozen=True)
class Tuned:
    """The standard losses at their best learning rates, and every trial it took to find them.

    Attributes:
        best: The best trial of each standard loss, by name.
        trials: Every trial.
        stop: Why the search should end here, when it should.
        assessment: What they tell of the task; None where every one of them diverged.
        wider: The ranges of the recipe's numbers that were too narrow, as they should be searched.
        at_edge: For each loss, by its key, the numbers whose best value is the outermost that was tried.
    """

    best: dict[str, Trial]
    trials: tuple[Trial, ...]
    stop: str | None = None
    assessment: HeadroomAssessment | None = None
    wider: Mapping[str, Domain] = field(default_factory=dict)
    at_edge: Mapping[str, Sequence[Edge]] = field(default_factory=dict)


def headroom(context: SearchContext) -> Tuned:
    """Tune every standard loss over `plan.rates` learning rates, the best ones in finer and wider steps."""
    sign, named = context.task.measure.sign, context.candidates
    recipes = context.proposer.recipes(context.plan.rates)
    unique = {candidate.loss_key: candidate for candidate in reversed(list(named.values()))}
    candidates = [replace(c, recipe=recipe) for c in reversed(unique.values()) for recipe in recipes]
    step = (recipes[1].rate / recipes[0].rate) ** 0.5 if len(recipes) > 1 else 1.0
    context.progress.phase("headroom", len(candidates) + _extra(context, len(unique), step))
    coarse = context.trials(
        *HEADROOM_GRID,
        0,
        candidates,
        _looked_at(context),
        watch=context.watch(0, len(candidates), None),
        seen=lambda measured: _sample_errors(context, measured),
    )
    trials = coarse.trials
    trials += _finer(context, trials, step)
    trials += _wider(context, trials)
    best = by_name(named, trials, sign)
    leader = context.best(trials)
    context.progress.advance(len(trials), leader.outcome.score if leader else None)
    if leader is None:
        return Tuned(
            best, trials, "every standard loss diverged at every learning rate; check the data and the recipe"
        )
    wider = _noted(context, trials)
    unique_best = list({t.number: t for t in best.values()}.values())
    errors = read(SampleErrors, coarse.payload or {})
    found = recall_record(
        context.ledger,
        HEADROOM_ASSESSMENT,
        HeadroomAssessment,
        lambda: assess_headroom(context, unique_best, leader, errors),
    )
    if context.plan.headroom != "off":
        context.progress.note(found.message)
    _warn_of_a_constant(context, leader)
    stop = context.plan.headroom == "stop" and not found.matters
    reason = f"{found.message} (headroom: stop)" if stop else None
    return Tuned(best, trials, reason, found, wider, _edges(context, trials))


def _extra(context: SearchContext, losses: int, step: float) -> int:
    """How many trials the finer pass has."""
    finer = losses if context.named else min(LEADING, losses)
    return (2 * finer if step > 1 else 0) + (finer if context.tunes_cutoffs else 0)


def _finer(context: SearchContext, trials: Sequence[Trial], step: float) -> tuple[Trial, ...]:
    """The leading standard losses at the learning rates half-way to those beside their best one.

    A search tries its losses at hundreds of learning rates; a standard loss that is judged by a coarse grid
    would lose to its own self. Where cut-offs are tuned, theirs are too, at the best of the coarse rates.
    Losses that are named to be compared are all tuned alike.
    """
    sign = context.task.measure.sign
    found = list(best_of_each(trials, sign).values()) if context.named else leading(trials, sign)
    candidates = [
        replace(t.candidate, recipe=t.candidate.recipe.with_rate(rate))
        for t in found
        for rate in (t.candidate.recipe.rate / step, t.candidate.recipe.rate * step)
        if step > 1
    ]
    if context.tunes_cutoffs:
        known = {trial.candidate.loss_key for trial in trials}
        twins = (with_tuned_cutoff(t.candidate) for t in found if t.candidate.cutoff == "fixed")
        candidates += [twin for twin in twins if twin.loss_key not in known]
    if not candidates:
        return ()
    watch = context.watch(len(trials), len(candidates), context.best(trials))
    return context.trials(*HEADROOM_FINER, len(trials), candidates, _looked_at(context), watch=watch).trials


def _wider(context: SearchContext, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The losses that matter most beyond the outermost value that was tried, while that one is their best."""
    space = context.proposer.space
    searched = {n: d for n, d in searched_numbers(space).items() if n not in space.given}
    found: tuple[Trial, ...] = ()
    for turn in range(ROUNDS):
        every = (*trials, *found)
        candidates = [
            candidate
            for best in _that_matter(context, every)
            for candidate in beyond(best, _of_loss(best, every), searched, context.task.kind)
        ]
        if not candidates:
            break
        watch = context.watch(len(every), len(candidates), context.best(every))
        index, rungs = HEADROOM_WIDER + turn, _looked_at(context)
        found += context.trials("headroom", index, len(every), candidates, rungs, watch=watch).trials
    return found


def _that_matter(context: SearchContext, trials: Sequence[Trial]) -> list[Trial]:
    """The best trial of each leading standard loss and of the usual one; of each that was named."""
    sign = context.task.measure.sign
    if context.named:
        return list(best_of_each(trials, sign).values())
    usual = context.candidates.get(context.usual)
    found = {trial.candidate.loss_key: trial for trial in leading(trials, sign)}
    own = None if usual is None else best_of_each(trials, sign).get(usual.loss_key)
    return list({**found, **({} if own is None else {own.candidate.loss_key: own})}.values())


def _noted(context: SearchContext, trials: Sequence[Trial]) -> dict[str, Domain]:
    """The ranges that were too narrow, with a line for the user about each."""
    space = context.proposer.space
    wider = widened(space, _that_matter(context, trials))
    for name, domain in wider.items() if context.plan.headroom != "off" else ():
        before = space.coordinates()[name]
        context.progress.note(
            f"headroom: a standard loss is best beyond the ends of {name} ({before.low:.3g} to "
            f"{before.high:.3g}), so it is searched from {domain.low:.3g} to {domain.high:.3g}"
        )
    return wider


def _warn_of_a_constant(context: SearchContext, leader: Trial) -> None:
    """Say so where the models score no better than an answer that never looks at the inputs."""
    constant, sign = context.task.constant_score(), context.task.measure.sign
    if constant is None:
        return
    ahead = sign * (leader.outcome.score - constant)
    n = decimals(leader.outcome.score)
    if ahead <= 2 * deviation(leader.outcome.scores) / math.sqrt(len(leader.outcome.scores)):
        context.progress.note(
            f"headroom: the models learn nothing that {context.task.metric} sees: the best of the standard "
            f"losses scores {leader.outcome.score:.{n}f}, the best constant answer {constant:.{n}f}; check "
            "the data, the model and the recipe before the loss"
        )


def _edges(context: SearchContext, trials: Sequence[Trial]) -> dict[str, list[Edge]]:
    searched = searched_numbers(context.proposer.space)
    best = best_of_each(trials, context.task.measure.sign)
    return {key: edges(trial, _of_loss(trial, trials), searched) for key, trial in best.items()}


def _of_loss(best: Trial, trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.candidate.loss_key == best.candidate.loss_key]


def _looked_at(context: SearchContext) -> RungSchedule | None:
    """Rungs that drop nobody: how the standard losses stand there tells where exploring may thin cohorts.

    A loop of the user's own cannot be paused; each look would be a training more.
    """
    halving = RungSchedule.halving(context.task.settings.epochs)
    return replace(halving, keep=1.0) if context.task.reports_outputs else None


def leading(trials: Iterable[Trial], sign: int) -> list[Trial]:
    """Return the best trial of each of the few best losses, the best first.

    Args:
        trials: Trials of standard losses.
        sign: +1 where a greater score is better, -1 where a smaller one is.
    """
    found = best_of_each(trials, sign).values()
    return sorted(found, key=lambda t: (-sign * t.outcome.score, t.number))[:LEADING]


def _sample_errors(context: SearchContext, measured: Sequence[Measurement]) -> SampleErrors:
    sign, rates = context.task.measure.sign, context.plan.rates
    groups = [measured[i : i + rates] for i in range(0, len(measured), rates)]
    tuned = [
        max(whole, key=lambda m: sign * m.outcome.score)
        for group in groups
        if (whole := [m for m in group if m.complete and m.resampled])
    ]
    if len(tuned) < 2:
        return SampleErrors()
    leader = max(tuned, key=lambda m: sign * m.outcome.score)
    leads = (
        [a - b for a, b in zip(leader.resampled, one.resampled, strict=True)]
        for one in tuned
        if one is not leader
    )
    return SampleErrors(max(map(deviation, leads)), deviation(leader.resampled))
