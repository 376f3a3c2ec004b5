"""What the standard losses tell of a task: how much a loss matters there, and what a search could show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ...losses.kinds import kind_named
from ..records import HeadroomAssessment, RepeatsNeeded, SampleErrors, Trial, decimals
from ..statistics import ONE_SIDED_95, TWO_SIDED_95, deviation, mean
from .context import SearchContext
from .race_table import CLEAR, CROWN

CANNOT_KNOW = (
    "That compares standard losses among themselves: what a searched loss can gain, only the search shows"
)
POWER = ONE_SIDED_95  # the race and the verdict must both see a difference: at 95% each, both do at 90%


def assess_headroom(
    context: SearchContext, tuned: Sequence[Trial], leader: Trial, errors: SampleErrors
) -> HeadroomAssessment:
    """Return how far apart the tuned standard losses are, against how far apart equal losses would be.

    A searched loss may differ more from the best standard loss than standard losses do: the error of its lead
    is taken for half-way (geometrically) between that of their differences and that of the best one's score.

    Args:
        context: The search.
        tuned: The best trial of each standard loss, each loss once.
        leader: The best of them.
        errors: What the held-out samples add, where that is known.
    """
    repeats = len(leader.repeats)
    named = kind_named(context.task.kind).usual_loss
    usual = next((t for t in tuned if t.candidate.standard == named), None)
    gap = abs(leader.outcome.score - usual.outcome.score) if usual else 0.0
    n = decimals(leader.outcome.score)
    leads = (
        f"the best tuned standard loss is {leader.candidate.standard} with {context.task.metric} "
        f"{leader.outcome.score:.{n}f}"
    )
    why = "one repeat cannot tell a difference from noise, so give more repeats"
    found = HeadroomAssessment(
        metric=context.task.metric,
        best_standard=leader.candidate.standard,
        score=leader.outcome.score,
        usual=usual.candidate.standard if usual else None,
        gap=gap,
        matters=True,
        message=f"headroom: {why if repeats < 2 else 'one standard loss'}; {leads}",
    )
    if repeats < 2 or len(tuned) < 2:
        return found
    noise = _noise(tuned)
    per_repeat = math.hypot(*noise)
    held = errors.sample_error
    held = per_repeat * math.sqrt(context.overlap) if held is None else held
    error = math.hypot(per_repeat / math.sqrt(repeats), held)
    within = deviation([t.outcome.score for t in tuned]) ** 2 - per_repeat**2 / 2 / repeats
    matters = gap > CLEAR * error
    apart = max(held, math.sqrt(held * (errors.score_error or 0.0)))
    at_test = apart * _shrinks(context)
    detectable = max(
        (CROWN + POWER) * math.hypot(per_repeat / math.sqrt(_raced(context)), apart),
        (TWO_SIDED_95 + POWER) * math.hypot(per_repeat / math.sqrt(context.plan.verdict_seeds), at_test),
    )
    told = "differ by more than chance" if matters else "cannot be told apart"
    message = f"headroom: the standard losses {told} here: {leads}"
    if usual is not None:
        where = "the usual loss" if usual is leader else f"{gap:.{n}f} from {named}, the usual loss"
        message += (
            f", {where}; two that are equally good would be {error:.{n}f} apart by chance (standard error). "
            f"A searched loss is found, 9 times in 10, if it leads by {detectable:.{n}f}"
        )
    message += f". {CANNOT_KNOW}"
    return replace(
        found,
        matters=matters,
        seed_noise=noise[0],
        fold_noise=noise[1],
        sample_error=held,
        searched_error=apart,
        error=error,
        spread=math.sqrt(max(0.0, within)),
        detectable=detectable,
        repeats_needed=tuple(
            RepeatsNeeded(size, _needed(size, per_repeat, at_test))
            for size in (detectable / 2, detectable, 2 * detectable)
        ),
        message=message,
    )


def _raced(context: SearchContext) -> int:
    """The repeats of a race of which nobody drops out; with fewer contenders there are more."""
    return context.plan.race_rounds * context.plan.race_seeds


def _needed(size: float, per_repeat: float, at_test: float) -> int | None:
    """Refits after which a verdict shows a difference of `size`."""
    room = (size / (TWO_SIDED_95 + POWER)) ** 2 - at_test**2
    return max(2, math.ceil(per_repeat**2 / room)) if room > 0 else None


def _shrinks(context: SearchContext) -> float:
    """By how much the test samples' error is smaller than that of the held-out samples."""
    sizes = context.task.sizes
    if not sizes:
        return 1.0
    return math.sqrt(sizes.get("validation", sizes["train"]) / sizes["test"])


def _noise(tuned: Sequence[Trial]) -> tuple[float, float]:
    """Standard deviations of a paired difference of two losses: over seeds, and over folds beyond that."""
    repeats = tuned[0].repeats
    shared = [mean([t.outcome.scores[i] for t in tuned]) for i in range(len(repeats))]
    # Centred on the mean of S losses, each of which is a part of it, residuals are too small by (S - 1) / S.
    scale = 2 * len(tuned) / (len(tuned) - 1)
    seeds, folds = [], []
    for trial in tuned:
        own = [score - share for score, share in zip(trial.outcome.scores, shared, strict=True)]
        groups: dict[tuple[int, int], list[float]] = {}
        for repeat, value in zip(repeats, own, strict=True):
            groups.setdefault((repeat.partition, repeat.fold), []).append(value)
        within = mean([deviation(group) ** 2 for group in groups.values()])
        means = [mean(group) for group in groups.values()]
        seeds.append(within)
        folds.append(max(0.0, deviation(means) ** 2 - within / len(next(iter(groups.values())))))
    return math.sqrt(scale * mean(seeds)), math.sqrt(scale * mean(folds))
