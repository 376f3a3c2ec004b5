"""Phase 2: the best searched losses and the tuned standard losses on fresh repeats.

Whoever was chosen by a score was also chosen for its luck, so the race starts from nothing: new seeds,
new folds. Each round drops the contenders that are clearly behind and repeats the others, which is
where more repeats are needed; it ends when more of them could not change the outcome. What no repeat
can make smaller, the luck of the held-out samples, counts in the end: a searched loss is crowned only
when the lower bound of its lead over the best standard loss, from both kinds of luck, is above zero.

That the best of several is luckier than each of them is left to the verdict: it asks one question about the
one loss that is crowned, on data that nothing was chosen by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...losses.kinds import kind_named
from ..records import Plan, RaceRound, Repeat, Trial, recall_record
from ..statistics import Lead
from .budget import race_is_late
from .context import HELD_DRAWS, SearchContext
from .headroom import Tuned
from .race_table import CROWN, RaceTable
from .shrinkage import contenders
from .standard_candidates import with_tuned_cutoff

LEVEL = 0.5  # standard errors: losses as close to the best of them are level, and the simplest is taken
GROWTH = 4  # times as many repeats in a round, at most, as in the first
TWINS = 6  # searched losses, the best, that race with a tuned cut-off too, where the metric reads decisions
TWIN = 1_000_000_000  # is added to the number of such a loss's trial: it is a contender of its own
ENOUGH = 0.5  # of the samples' error: once refits err less than that, repeating them tells little more


@dataclass(frozen=True)
class Finalists:
    """How the race ended.

    Attributes:
        searched: The best searched loss; None where none survived.
        standard: The best standard loss.
        lead: Of the searched loss over the standard one.
        rounds: How many rounds were run.
        over_usual: The lead of the standard loss over the usual one of the kind, with its own cut-off as it
            is; None where that did not race, or is the best itself.
        offsets: The cut-offs that were tuned, by the numbers of the trials.
    """

    searched: Trial | None
    standard: Trial
    lead: Lead
    rounds: int
    over_usual: Lead | None = None
    offsets: Mapping[int, tuple[float, ...]] = field(default_factory=dict)

    @property
    def crowned(self) -> bool:
        """Whether the lower bound of the lead is above zero."""
        return self.searched is not None and self.lead.errors > CROWN

    @property
    def winner(self) -> Trial:
        """The searched loss only if it is crowned; else the standard loss."""
        return self.searched if self.crowned and self.searched is not None else self.standard


def race(context: SearchContext, tuned: Tuned, explored: Sequence[Trial]) -> Finalists:
    """Race the contenders round by round and return the finalists.

    Args:
        context: The search, after exploring.
        tuned: The standard losses at their best learning rates.
        explored: The trials of all cohorts.
    """
    plan, sign = context.plan, context.task.measure.sign
    standards = {t.number: t for t in tuned.best.values()}
    chosen = contenders(explored, {t.candidate.spec.hash for t in standards.values()}, plan.contenders, sign)
    if context.tunes_cutoffs:
        chosen += [_twin(trial) for trial in chosen[:TWINS]]
    searched = {t.number: t for t in chosen}
    table, rounds = contest(context, standards, searched, tuned.trials)
    usual = tuned.best.get(kind_named(context.task.kind).usual_loss)
    finalists = _finalists(table, {**standards, **searched}, rounds)
    if usual is None or usual.number == finalists.standard.number:
        return finalists
    return replace(finalists, over_usual=table.lead(finalists.standard.number, usual.number))


def contest(
    context: SearchContext,
    standards: Mapping[int, Trial],
    others: Mapping[int, Trial],
    known: Sequence[Trial],
) -> tuple[RaceTable, int]:
    """Run the rounds of a race and return what everybody scored in them, and how many there were.

    Args:
        context: The running search.
        standards: What there is to beat, by the numbers of the trials; the best of them stays to the end.
        others: Who is compared with that one, likewise.
        known: The trials of headroom, whose pace says whether time is left.
    """
    plan = context.plan
    table = RaceTable(standards, others, context.task.measure.sign, context.overlap)
    context.progress.phase("race", plan.race_rounds * len(table.running))
    done, index, first, repeated = 0, 0, len(table.running), 0
    while index < plan.race_rounds and not (index and (_decided(table) or race_is_late(context, known))):
        # Where few are left, a round of as much work repeats each of them more often.
        repeats = plan.race_seeds * min(GROWTH, first // len(table.running))
        fresh = context.fresh_repeats(repeated, repeats, index + 1)
        found = _round(context, index, table.running, fresh, done)
        repeated += repeats
        table.record(index, found)
        index += 1
        if index < plan.race_rounds:
            table.drop_those_behind()
        done += len(found.scores)
        context.progress.advance(done, table.mean(table.ranked()[0]))
    return table, index


def most_repeats(plan: Plan) -> int:
    """The repeats that a race takes at most."""
    return plan.race_rounds * plan.race_seeds * GROWTH


def _decided(table: RaceTable) -> bool:
    """Whether more repeats could not change the outcome: what is left is the luck of the samples.

    That must hold for every searched loss that is still racing, and does not look at who leads: looking until
    somebody does would crown the lucky.
    """
    if len(table.running) == 1:
        return True
    standard, left = table.standard, table.searched or [n for n in (table.challenger,) if n is not None]
    return bool(left) and all(
        table.error_of_refits(n, standard) < ENOUGH * table.lead(n, standard).samples for n in left
    )


def _finalists(table: RaceTable, trials: dict[int, Trial], rounds: int) -> Finalists:
    """Of the searched losses that are level with the best of them, the simplest."""
    standard, best = table.standard, table.challenger
    offsets = {number: own for number in trials if (own := table.offsets(number))}
    if best is None:
        return Finalists(None, trials[standard], Lead(0.0, 0.0, 0.0), rounds, offsets=offsets)
    level = [n for n in table.searched if n == best or table.lead(best, n).errors <= LEVEL] or [best]

    def order(number: int) -> tuple[int, bool, int]:
        candidate = trials[number].candidate
        return len(candidate.spec.parts), candidate.cutoff == "tuned", level.index(number)

    simplest = min(level, key=order)
    ahead = table.lead(simplest, standard)
    found = trials[simplest]
    if found.candidate.cutoff == "tuned":
        found = replace(found, number=found.number - TWIN)
        offsets[found.number] = offsets.pop(simplest, ())
    return Finalists(found, trials[standard], ahead, rounds, offsets=offsets)


def _twin(trial: Trial) -> Trial:
    """The same loss with a tuned cut-off, as a contender of its own."""
    return replace(trial, number=TWIN + trial.number, candidate=with_tuned_cutoff(trial.candidate))


def _round(
    context: SearchContext, index: int, running: dict[int, Trial], repeats: Sequence[Repeat], done: int
) -> RaceRound:
    def work() -> RaceRound:
        watch = context.watch(done, len(running), None)
        measured = context.train([t.candidate for t in running.values()], repeats, None, watch, HELD_DRAWS)
        return RaceRound.of(dict(zip(running, measured, strict=True)), repeats)

    return recall_record(context.ledger, ("race", index), RaceRound, work)
