"""A runner whose results come from a formula, so that whole searches take no time, and what goes with it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lossmith.search import Candidate, Proposer, Repeat, Task, Trial, Unit
from lossmith.search.method.context import SearchContext
from lossmith.search.random_streams import generator
from lossmith.search.records import (
    Ledger,
    Measurement,
    MemoryLedger,
    Phase,
    Plan,
    Progress,
    RungSchedule,
    Tested,
    Watch,
    unwatched,
)
from lossmith.search.training.bracket import Bracket, Scored
from lossmith.spaces import Domain, Space

Quality = Callable[[Candidate], float]
PLAN = Plan(trials=24, seeds=3, width=8, rates=3, contenders=4, race_rounds=3, race_seeds=4, verdict_seeds=6)
# Losses of focal and gce, and nothing that a standard loss is.
SPACE = Space(
    "multiclass",
    {"focal.gamma": Domain(0.5, 4), "gce.q": Domain(0.1, 0.6)},
    {},
    {"mix.gce": 1.0, "mix.cross_entropy": 0.5},
)


def is_standard(candidate: Candidate) -> bool:
    """Whether it is a standard loss."""
    return candidate.standard is not None


def by_rate(candidate: Candidate) -> float:
    """Best at the recipe's own learning rate of 3e-3, worse by .01 for a factor of e."""
    return -0.01 * abs(math.log(candidate.recipe.rate / 3e-3))


def ordinary(candidate: Candidate) -> float:
    """Standard losses around .7, those of SPACE from .70 to .74: best at gamma 2 and q 0.3."""
    if is_standard(candidate):
        return 0.7 + by_rate(candidate)
    gamma, q = (candidate.spec.parameters.get(name, 0) for name in ("focal.gamma", "gce.q"))
    return 0.74 - 0.01 * (gamma - 2) ** 2 - 0.1 * (q - 0.3) ** 2 + by_rate(candidate)


@dataclass
class SimulatedRunner:
    """Scores are `quality` plus noise that candidates share on a repeat (`shared`) and noise of their own.

    `samples` is the luck a candidate has with the held-out samples, on every repeat the same. All noise is
    keyed by the candidate and the repeat, as real training is: equal calls give equal results.
    A candidate for which `diverges` holds on a repeat is lost.
    """

    task: Task
    quality: Quality = ordinary
    shared: float = 0.02
    own: float = 0.004
    samples: float = 0.0
    diverges: Callable[[Candidate, Repeat], bool] = lambda candidate, repeat: False
    trained: list[tuple[tuple[Candidate, ...], tuple[Repeat, ...]]] = field(default_factory=list)
    rungs: list[RungSchedule | None] = field(default_factory=list)
    refitted: int = 0

    def train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: RungSchedule | None,
        watch: Watch = unwatched,
        n_resamples: int = 0,
    ) -> list[Measurement]:
        """Outcomes by the formula, thinned by the product's own book; a score is the same at every rung."""
        self.trained.append((tuple(candidates), tuple(repeats)))
        self.rungs.append(rungs)
        epochs = candidates[0].recipe.epochs
        standing = Bracket(len(candidates), repeats, self.task.measure.sign)
        scores = [[self._score(c, r) for r in repeats] for c in candidates]
        standing.record(
            [
                Scored(place, repeat, score, "nan by epoch 1" if math.isnan(score) else None)
                for place, of_repeats in enumerate(scores)
                for repeat, score in zip(repeats, of_repeats, strict=True)
            ],
            1,
        )
        for rung in (rungs or RungSchedule()).epochs:
            standing.thin(rungs or RungSchedule(), rung)
        left = [place for place in range(len(candidates)) if place not in standing.ended]
        standing.resample(
            {
                i: self._resampled(candidates[i], math.fsum(scores[i]) / len(repeats), n_resamples)
                for i in left
            }
        )
        watch(1.0)
        return standing.outcomes(epochs)

    def test(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch = unwatched
    ) -> Tested:
        """Outputs on the test part of which a share like the score is right, or that are off by the score."""
        self.refitted += 1
        watch(1.0)
        outputs = torch.stack([torch.stack([self._outputs(c, r) for r in repeats]) for c in candidates])
        scores = self.task.measure(outputs.flatten(0, 1), self.task.test[1])
        return Tested(scores.view(len(candidates), len(repeats)), outputs, self.task.test[1])

    def _score(self, candidate: Candidate, repeat: Repeat) -> float:
        if self.diverges(candidate, repeat):
            return math.nan
        shared = self.shared * _normal("shared", repeat)
        luck = self.samples * _normal("held-out", candidate.key)
        return self.quality(candidate) + luck + shared + self.own * _normal("own", candidate.key, repeat)

    def _resampled(self, candidate: Candidate, score: float, n_resamples: int) -> tuple[float, ...]:
        """The score with the luck of other held-out samples on top, the same on every repeat."""
        luck = torch.randn(n_resamples, generator=generator("resampled", candidate.key), dtype=torch.float64)
        return tuple((score + self.samples * luck).tolist())

    def _outputs(self, candidate: Candidate, repeat: Repeat) -> Tensor:
        inputs, targets = self.task.test
        score = self._score(candidate, repeat)
        luck = torch.rand(len(targets), generator=generator("samples"), dtype=torch.float64)
        if self.task.kind == "regression":
            predictions: Tensor = (targets + score * (0.5 + luck)).to(inputs.dtype)
            return predictions
        classes = self.task.classes
        assert classes is not None
        found = torch.where(luck < score, targets, (targets + 1) % classes)
        return torch.nn.functional.one_hot(found, classes).to(inputs.dtype)


def _normal(*key: object) -> float:
    return float(torch.randn((), generator=generator(*key)))


@dataclass
class JsonLedger:
    """A ledger that keeps text, as a store does; what is read back went through JSON.

    After `after` units Ctrl-C comes, in place of keeping another.
    """

    after: int = 10**9
    texts: dict[tuple[str, int], str] = field(default_factory=dict)

    def find(self, phase: Phase, index: int) -> Unit | None:
        """The unit, made from its text."""
        text = self.texts.get((phase, index))
        if text is None:
            return None
        trials, payload, seconds = json.loads(text)
        return Unit(phase, index, tuple(map(Trial.from_json, trials)), payload, seconds)

    def keep(self, unit: Unit) -> None:
        """Its text; a NaN or a number that JSON does not know fails."""
        if len(self.texts) >= self.after:
            raise KeyboardInterrupt
        assert (unit.phase, unit.index) not in self.texts
        content = [[trial.to_json() for trial in unit.trials], unit.payload, unit.seconds]
        self.texts[unit.phase, unit.index] = json.dumps(content, allow_nan=False)


@dataclass
class Heard:
    """A progress that remembers what it was told."""

    phases: list[tuple[str, int]] = field(default_factory=list)
    done: list[tuple[int, float | None]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def phase(self, name: str, total: int) -> None:
        """A phase begins."""
        self.phases.append((name, total))

    def advance(self, done: int, best: float | None) -> None:
        """So much is done."""
        self.done.append((done, best))

    def note(self, message: str) -> None:
        """One line."""
        self.notes.append(message)

    def close(self) -> None:
        """The search has ended."""


def context_of(
    runner: SimulatedRunner,
    *,
    plan: Plan = PLAN,
    space: Space = SPACE,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
    **search: Any,
) -> SearchContext:
    """A context for this runner, with a search of its own."""
    made = Proposer(
        space,
        runner.task.settings,
        budget=plan.trials,
        seed=plan.seed,
        sign=runner.task.measure.sign,
        **search,
    )
    return SearchContext(
        runner.task,
        plan,
        made,
        runner,
        MemoryLedger() if ledger is None else ledger,
        progress or Heard(),
    )
