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
    whole = [
        t
        for t in explored
        if t.outcome.state == "complete"
        and t.candidate.spec.hash not in {s.candidate.spec.hash for s in standards.values()}
    ]
    whole.sort(key=lambda t: (-sign * t.outcome.score, t.number))
    running = {**standards, **{t.number: t for t in whole[: plan.contenders]}}
    scores: dict[int, list[float]] = {number: [] for number in running}
    stage.progress.phase("race", plan.race_rounds * len(running))
    done = 0
    for index in range(plan.race_rounds):
        unit = _round(stage, index, running, done)
        results: dict[str, list[float] | None] = (unit.payload or {})["scores"]
        for number in list(running):
            found = results[str(number)]
            if found is None:  # diverged: a loss that fails on some seeds is no contender
                del running[number]
            else:
                scores[number] += found
        done += len(results)
        if not any(number in standards for number in running):
            raise RuntimeError("every standard loss diverged in the race; lower the recipe's learning rate")
        behind = _behind(scores, running, standards, sign) if index + 1 < plan.race_rounds else set()
        running = {number: trial for number, trial in running.items() if number not in behind}
        lead = max(sign * mean(scores[number]) for number in running)
        stage.progress.advance(done, sign * lead)
    return _finish(scores, running, standards, sign)


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


def _behind(
    scores: dict[int, list[float]], running: dict[int, Trial], standards: dict[int, Trial], sign: int
) -> set[int]:
    """The contenders clearly behind the leader; the best standard loss stays in any case."""
    lead = max(running, key=lambda n: (sign * mean(scores[n]), -n))
    stays = max((n for n in running if n in standards), key=lambda n: (sign * mean(scores[n]), -n))
    return {
        number
        for number in running
        if number not in (lead, stays)
        and standard_errors([sign * (a - b) for a, b in zip(scores[lead], scores[number], strict=True)])
        > CLEAR
    }


def _finish(
    scores: dict[int, list[float]], running: dict[int, Trial], standards: dict[int, Trial], sign: int
) -> Finalists:
    ranked = sorted(running, key=lambda n: (-sign * mean(scores[n]), n))
    standard = next(n for n in ranked if n in standards)
    searched = next((n for n in ranked if n not in standards), None)
    if searched is None:
        return Finalists(None, running[standard], False, 0.0, 0.0)
    differences = [sign * (a - b) for a, b in zip(scores[searched], scores[standard], strict=True)]
    errors = standard_errors(differences)
    return Finalists(running[searched], running[standard], errors > CLEAR, mean(differences), errors)
