"""A comparison of named losses: a search without the searching.

The losses are tuned over the learning rate as headroom tunes standard losses, race on fresh repeats against
the one that was named first, and are refitted for the sealed test data. What is "better" there is so beyond
chance after Holm's correction for the number of losses that were asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..records import (
    Candidate,
    Comparison,
    NamedComparison,
    Pair,
    StandardRow,
    Trial,
    Verdict,
    best_of,
    decimals,
)
from ..records.named_comparison import PairFinding
from ..statistics import N_RESAMPLES, Lead, holm
from ..tasks.named_losses import NamedLoss
from ..tasks.subject import Subject
from .context import SearchContext
from .headroom import Tuned, headroom
from .race import Finalists, contest
from .refits import Refits
from .sealed import entrant, judged, refitted
from .standard_candidates import TUNED, best_of_each, tunes_cutoffs, with_tuned_cutoff
from .verdict import SIGNIFICANT, race_result, warnings_of


def compare_named(context: SearchContext, losses: Sequence[NamedLoss]) -> tuple[Verdict | None, str | None]:
    """Return the verdict on named losses, or why there is none.

    Args:
        context: The parts of the search that is not one.
        losses: Two or more; the others are compared with the first.
    """
    context = replace(context, named=candidates(context.task, losses))
    tuned = headroom(context)
    sign, first = context.task.measure.sign, losses[0].name
    best = _best_of_grid(context, tuned.trials, losses, sign)
    left_out = tuple(loss.name for loss in losses if loss.name not in best)
    if first in left_out or len(best) < 2:
        return None, (
            f"there is nothing to compare: {', '.join(left_out)} diverged at every learning rate; check the "
            "data and the recipe, or lower its learning rate"
        )
    standards = {t.number: t for name, t in best.items() if name in (first, f"{first}{TUNED}")}
    others = {t.number: t for t in best.values() if t.number not in standards}
    if not others:
        return None, f"there is nothing to compare: {', '.join(left_out)} diverged at every learning rate"
    table, rounds = contest(context, standards, others, tuned.trials)
    base = best[first]
    entrants = {**standards, **others}
    leader = next((entrants[n] for n in table.ranked() if n != base.number), None)
    finalists = Finalists(
        leader,
        base,
        table.lead(leader.number, base.number) if leader is not None else Lead(0.0, 0.0, 0.0),
        rounds,
        offsets={n: own for n in entrants if (own := table.offsets(n))},
    )
    asked = _Asked(context, tuned, best, finalists, left_out, table.ranked())
    return judged(context, entrants, lambda: asked.judge(entrants)), None


def candidates(subject: Subject, losses: Sequence[NamedLoss]) -> dict[str, Candidate]:
    """Return every loss that is tuned by its name: the named ones first, then the points of their grids.

    Where decisions are measured, the first loss is there with a tuned cut-off too: a weighted loss that only
    moves the cut-off would else beat a loss that nobody gave a better one.

    Args:
        subject: The task.
        losses: The losses that are named.
    """
    found = {loss.name: _candidate(subject, loss.name, loss) for loss in losses}
    if tunes_cutoffs(subject):
        twin = with_tuned_cutoff(found[losses[0].name])
        found[twin.standard or ""] = twin
    points = {name: _candidate(subject, name, loss) for loss in losses for name in loss.specs}
    return {**found, **points}


def _candidate(subject: Subject, name: str, loss: NamedLoss) -> Candidate:
    return Candidate(loss.specs[name], subject.settings, standard=name)


def _best_of_grid(
    context: SearchContext, trials: Sequence[Trial], losses: Sequence[NamedLoss], sign: int
) -> dict[str, Trial]:
    """The best trial of each loss, of all points of its grid, by its name; none of one that diverged."""
    by_key = best_of_each(trials, sign)
    named = {name: by_key.get(candidate.loss_key) for name, candidate in context.named.items()}
    found: dict[str, Trial] = {}
    for loss in losses:
        points = [trial for name in loss.specs if (trial := named[name]) is not None]
        if (best := best_of(points, sign)) is not None:
            found[loss.name] = best
    twin = f"{losses[0].name}{TUNED}"
    if losses[0].name in found and (trial := named.get(twin)) is not None:
        found[twin] = trial
    return found


@dataclass(frozen=True)
class _Asked:
    """What the test data are asked: which losses, tuned how, and how their race ended."""

    context: SearchContext
    tuned: Tuned
    best: Mapping[str, Trial]
    finalists: Finalists
    left_out: tuple[str, ...]
    ranked: Sequence[int]

    def judge(self, entrants: Mapping[int, Trial]) -> Verdict:
        """Refit the losses and compare them on the sealed test data."""
        context, best = self.context, self.best
        metric, base = context.task.measure, self.finalists.standard
        tested, refits, offsets = refitted(context, entrants, self.finalists.offsets)
        pairs = self._pairs(refits, base)
        use = self._use(refits, base, pairs)
        if use is not base:
            pairs += [pair for pair in self._pairs(refits, use) if best[pair.loss] is not base]
        names = {trial.number: name for name, trial in best.items()}
        first, name = names[base.number], names[use.number]
        shown = any(pair.finding == "better" for pair in pairs if (pair.loss, pair.other) == (name, first))
        ends = {t.number: self.tuned.at_edge.get(t.candidate.loss_key, ()) for t in best.values()}
        told = {
            t.number: entrant(context, refits, t, offsets=offsets, edges=ends[t.number]) for t in (use, base)
        }
        against = {n: refits.compare(use, trial) for n, trial in best.items()}
        corrected = {
            pair.loss if pair.other == name else pair.other: pair.p_value_holm
            for pair in pairs
            if name in (pair.loss, pair.other)
        }
        ahead = refits.compare(use, base)
        # The cut-off was asked for by nobody: it is spoken of where it is the answer.
        pairs = [p for p in pairs if p.finding == "better" or not p.loss.endswith(TUNED)]
        compared = NamedComparison(
            baseline=first,
            answer=self._answer(
                name, first, pairs, shown=shown, data=tested.scored_on, digits=_digits(refits, base)
            ),
            pairs=tuple(pairs),
            tuned_to={n: str(t.candidate.standard) for n, t in best.items() if t.candidate.standard != n},
            left_out=self.left_out,
        )
        found = Verdict(
            winner=told[use.number],
            best_standard=told[base.number],
            ahead=ahead,
            metric=str(context.task.metric),
            greater_is_better=metric.greater_is_better,
            repeats=context.plan.verdict_seeds,
            sources=("refits",) if tested.outputs is None else ("refits", "test samples"),
            scored_on=tested.scored_on,
            conclusion="better" if shown else "not better",
            use="winner",
            margin=0.0,
            race=race_result(self.finalists),
            against={
                n: StandardRow(refits.scores(t, t.candidate.recipe.rate), against[n], corrected.get(n, 1.0))
                for n, t in best.items()
            },
            sentence=" ".join(
                [f"{compared.answer[0].upper()}{compared.answer[1:]}.", *(p.sentence for p in pairs)]
            ),
            usual=told[base.number],
            gain=None if use is base else ahead,
            constant=None if tested.targets is None else context.task.constant_score(tested.targets),
            n_resamples=N_RESAMPLES,
            compared=compared,
        )
        lost = (f"{name} diverged at every learning rate and is left out" for name in self.left_out)
        warnings = (*lost, *warnings_of(found, refits, use, replace(self.tuned, best=dict(best))))
        return replace(found, warnings=warnings)

    def _pairs(self, refits: Refits, other: Trial) -> list[Pair]:
        """Every loss beside another one."""
        sign = self.context.task.measure.sign
        rows = {n: refits.compare(t, other) for n, t in self.best.items() if t is not other}
        corrected = holm([row.p_value for row in rows.values()])
        against = next(name for name, trial in self.best.items() if trial is other)
        digits = _digits(refits, self.finalists.standard)
        return [
            _pair(name, against, row, p, sign, digits)
            for (name, row), p in zip(rows.items(), corrected, strict=True)
        ]

    def _use(self, refits: Refits, base: Trial, pairs: Sequence[Pair]) -> Trial:
        """The loss to use.

        It is one that the test data show to be better than the baseline; of several the one that the race put
        first, for nothing is chosen by test data. Or the leader of the race, where that lead is beyond chance
        and test data do not speak against it. Or the baseline.
        """
        shown = {
            self.best[pair.loss].number: self.best[pair.loss] for pair in pairs if pair.finding == "better"
        }
        if shown:
            return min(shown.values(), key=lambda t: self._place(t.number))
        leader, sign = self.finalists.searched, self.context.task.measure.sign
        if (
            leader is not None
            and self.finalists.crowned
            and sign * refits.compare(leader, base).difference > 0
        ):
            return leader
        return base

    def _place(self, number: int) -> tuple[int, int]:
        """The place in the race; whoever was dropped comes after those who were not."""
        return (self.ranked.index(number) if number in self.ranked else len(self.ranked)), number

    def _answer(
        self, name: str, first: str, pairs: Sequence[Pair], *, shown: bool, data: str, digits: int
    ) -> str:
        """Which loss to use, in one line."""
        if name == first:
            worse = [pair.loss for pair in pairs if pair.finding == "worse"]
            if worse:
                return f"keep {first}: nothing here is better, and {_listed(worse)} worse"
            return f"nothing here is told apart: keep {first}"
        if shown:
            ahead = next(p.ahead for p in pairs if (p.loss, p.other) == (name, first))
            sign = self.context.task.measure.sign
            return f"use {name}: better than {first} by {_interval(ahead, sign, digits)}"
        return (
            f"use {name}: it led the race by more than chance allows and leads on {data} data, which alone "
            f"do not show it to be better than {first}"
        )


def _digits(refits: Refits, base: Trial) -> int:
    return decimals(refits.scores(base).mean)


def _pair(loss: str, other: str, ahead: Comparison, p_holm: float, sign: int, digits: int) -> Pair:
    low, high = ahead.toward_better(sign)
    finding: PairFinding = "no better"
    if p_holm < SIGNIFICANT and (low > 0 or high < 0):
        finding = "better" if low > 0 else "worse"
    doubt = f" (p {p_holm:.2f} once corrected)" if finding == "no better" and (low > 0 or high < 0) else ""
    sentence = f"{loss} is {finding} than {other} here: {_interval(ahead, sign, digits)}{doubt}."
    return Pair(loss, other, finding, ahead, p_holm, sentence)


def _interval(ahead: Comparison, sign: int, digits: int) -> str:
    low, high = ahead.toward_better(sign)
    return f"{sign * ahead.difference:+.{digits}f}, {low:+.{digits}f} to {high:+.{digits}f}"


def _listed(names: Sequence[str]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} are"
