"""Phase 2: the best searched losses and the tuned standard losses on fresh repeats.

Whoever was chosen by a score was also chosen for its luck, so the race starts from nothing: new seeds,
new folds. Each round drops the contenders that are clearly behind and repeats the others, which is
where more repeats are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ledger import Unit, recall
from ..statistics import mean, standard_errors
from ..trial import Trial
from .headroom import CLEAR, Tuned
from .stage import Stage


@dataclass(frozen=True)
class Finalists:
    """How the race ended: the best searched loss (None if none survived) and the best standard one."""

    searched: Trial | None
    standard: Trial
    crowned: bool
    lead: float
    errors: float

    @property
    def winner(self) -> Trial:
        """The searched loss only if it led by more than chance allows; else the standard loss."""
        return self.searched if self.crowned and self.searched is not None else self.standard


def race(stage: Stage, tuned: Tuned, explored: Sequence[Trial]) -> Finalists:
    """Race the contenders round by round and name the finalists."""
    plan, sign = stage.plan, stage.task.measure.sign
    standards = {t.number: t for t in tuned.best.values()}
    hashes = {t.candidate.spec.hash for t in standards.values()}
    whole = [t for t in explored if t.outcome.state == "complete" and t.candidate.spec.hash not in hashes]
    whole.sort(key=lambda t: (-sign * t.outcome.score, t.number))
    field = _Field(standards, {**standards, **{t.number: t for t in whole[: plan.contenders]}}, sign)
    stage.progress.phase("race", plan.race_rounds * len(field.running))
    done = 0
    for index in range(plan.race_rounds):
        unit = _round(stage, index, field.running, done)
        results: dict[str, list[float] | None] = (unit.payload or {})["scores"]
        field.record(index, results)
        if index + 1 < plan.race_rounds:
            field.drop_those_behind()
        done += len(results)
        stage.progress.advance(done, field.mean(field.ranked()[0]))
    return field.finalists()


class _Field:
    """Who is still racing, and what everybody scored in each round. Contenders go by their trial's number."""

    def __init__(self, standards: dict[int, Trial], running: dict[int, Trial], sign: int) -> None:
        self.running = running
        self._standards, self._sign = standards, sign
        self._rounds: dict[int, dict[int, list[float]]] = {number: {} for number in running}

    def record(self, index: int, results: dict[str, list[float] | None]) -> None:
        """Take in a round; a loss that diverges on some seeds is no contender."""
        failed = {number for number in self.running if results[str(number)] is None}
        for number in list(self.running):
            found = results[str(number)]
            if found is None:
                del self.running[number]
            else:
                self._rounds[number][index] = found
        if not any(number in self._standards for number in self.running):
            self._call_back(failed)

    def _call_back(self, failed: set[int]) -> None:
        """Put the best standard loss that was dropped, or that failed only now, in the place of them all."""
        scored = [number for number in self._standards if self._rounds[number]]
        if not scored:
            raise RuntimeError("every standard loss diverged in the race; lower the recipe's learning rate")
        best = max(scored, key=lambda n: (n not in failed, *self._order(n)))
        self.running[best] = self._standards[best]

    def drop_those_behind(self) -> None:
        """Drop who is clearly behind the leader; the best standard loss stays in any case."""
        ranked = self.ranked()
        stays = next(number for number in ranked if number in self._standards)
        for number in ranked[1:]:
            if number != stays and standard_errors(self._differences(ranked[0], number)) > CLEAR:
                del self.running[number]

    def finalists(self) -> Finalists:
        """How it ended."""
        ranked = self.ranked()
        standard = next(number for number in ranked if number in self._standards)
        searched = next((number for number in ranked if number not in self._standards), None)
        if searched is None:
            return Finalists(None, self.running[standard], crowned=False, lead=0.0, errors=0.0)
        differences = self._differences(searched, standard)
        errors = standard_errors(differences)
        return Finalists(
            self.running[searched], self.running[standard], errors > CLEAR, mean(differences), errors
        )

    def ranked(self) -> list[int]:
        """Those still racing, the best first."""
        return sorted(self.running, key=self._order, reverse=True)

    def mean(self, number: int) -> float:
        """The mean of everything a contender scored."""
        return mean([score for scores in self._rounds[number].values() for score in scores])

    def _order(self, number: int) -> tuple[float, int]:
        return self._sign * self.mean(number), -number

    def _differences(self, one: int, other: int) -> list[float]:
        """By how much the one is better, repeat by repeat, in the rounds that both ran."""
        both = self._rounds[one].keys() & self._rounds[other].keys()
        return [
            self._sign * (a - b)
            for index in sorted(both)
            for a, b in zip(self._rounds[one][index], self._rounds[other][index], strict=True)
        ]


def _round(stage: Stage, index: int, running: dict[int, Trial], done: int) -> Unit:
    repeats = stage.fresh_repeats(index, stage.plan.race_seeds)

    def work() -> Unit:
        outcomes = stage.runner.train(
            [t.candidate for t in running.values()], repeats, None, stage.watch(done, len(running), None)
        )
        scores = {
            str(number): None if outcome.state == "diverged" else list(outcome.scores)
            for number, outcome in zip(running, outcomes, strict=True)
        }
        return Unit(
            "race",
            index,
            payload={"scores": scores, "repeats": [[r.seed, r.fold, r.partition] for r in repeats]},
        )

    return recall(stage.ledger, "race", index, work)
