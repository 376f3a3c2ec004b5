"""How much a search trains in all, how long that takes, and what a time limit leaves for exploring.

`Plan.time_limit_s` bounds the whole search. Headroom, a first cohort, one round of the race and the verdict
are trained in any case; exploring and further rounds of the race get what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..records import Phase, Plan, RungSchedule, Trial
from .context import SearchContext

RACE_ROUNDS = 4  # that a race usually takes


@dataclass(frozen=True)
class Trainings:
    """How many models each phase trains, in whole trainings: one loss on one repeat each.

    Attributes:
        headroom: Every standard loss at every learning rate, on every repeat.
        explore: The searched losses on every repeat, less what rungs save; 0 where only time bounds them.
        race: As many as it usually takes.
        verdict: Every standard loss and the winner, refitted.
    """

    headroom: float
    explore: float
    race: float
    verdict: float

    @classmethod
    def of(cls, plan: Plan, standards: int, repeats: int, rates: int, epochs: int) -> Trainings:
        """What a plan trains.

        Args:
            plan: The budget.
            standards: The number of standard losses that differ.
            repeats: The repeats of a trial.
            rates: The learning rates that each standard loss is tuned over.
            epochs: The epochs of a training.
        """
        trials = plan.trials or 0
        whole = RungSchedule.halving(epochs).work(trials, epochs) / epochs
        twice = 2 if plan.random_search else 1
        searched = plan.contenders if plan.trials is None else min(plan.contenders, plan.trials)
        racing = standards + searched
        return cls(
            headroom=float(standards * rates * repeats),
            explore=twice * whole * repeats,
            race=float(twice * racing * plan.race_seeds * min(RACE_ROUNDS, plan.race_rounds)),
            verdict=float((standards + min(1, searched)) * plan.verdict_seeds),
        )

    @property
    def total(self) -> float:
        """All of them."""
        return self.headroom + self.explore + self.race + self.verdict


def seconds_for_exploring(context: SearchContext, known: Sequence[Trial]) -> float | None:
    """Seconds that a time limit leaves for exploring once race and verdict have theirs; None without a limit.

    Args:
        context: The search, after headroom.
        known: The trials of headroom, whose pace the later phases are reckoned with.
    """
    limit, used = context.plan.time_limit_s, _seconds(context, "headroom")
    planned = _planned(context, known)
    later = (planned.race + planned.verdict) * _pace(context, known)
    if limit is None:
        return None
    if used + later > limit:
        context.progress.note(
            f"explore: headroom took {used:.0f} s of the {limit:.0f} s of the time limit, and race and "
            f"verdict take about {later:.0f} s: one cohort is explored, and the limit will be passed"
        )
    return max(limit - used - later, 0.0)


def race_is_late(context: SearchContext, known: Sequence[Trial]) -> bool:
    """Whether another round of the race would leave no time for the verdict.

    Args:
        context: The search, in the race.
        known: The trials of headroom, whose pace the verdict is reckoned with.
    """
    limit = context.plan.time_limit_s
    if limit is None:
        return False
    used = sum(_seconds(context, phase) for phase in ("headroom", "explore", "race"))
    return used + _planned(context, known).verdict * _pace(context, known) >= limit


def _planned(context: SearchContext, known: Sequence[Trial]) -> Trainings:
    losses = len({trial.candidate.spec.hash for trial in known})
    plan, epochs = context.plan, context.task.settings.epochs
    return Trainings.of(plan, losses, len(context.repeats()), plan.rates, epochs)


def _pace(context: SearchContext, known: Sequence[Trial]) -> float:
    """Seconds for each training of headroom, however many were trained in parallel."""
    return _seconds(context, "headroom") / max(1, len(known) * len(context.repeats()))


def _seconds(context: SearchContext, phase: Phase) -> float:
    """Seconds of the units of a phase that are finished, over all resumes."""
    seconds, index = 0.0, 0
    while (unit := context.ledger.find(phase, index)) is not None:
        seconds += unit.seconds
        index += 1
    return seconds
