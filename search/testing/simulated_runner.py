"""A runner whose scores come from a formula, so that whole searches take no time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from ...losses.kinds import kind_named
from ..random_streams import generator
from ..records import Candidate, Measurement, Member, Repeat, RungSchedule, Tested, Watch, unwatched
from ..tasks.task import Task
from ..training.bracket import Bracket, Scored

Quality = Callable[[Candidate], float]


@dataclass
class SimulatedRunner:
    """A runner whose scores are the quality of a candidate plus noise.

    All noise is keyed by the candidate and the repeat, as real training is: equal calls give equal results.
    Cohorts are thinned by the trainers' own `Bracket`; a score is the same at every rung.

    Attributes:
        task: What the search is on; its models are never trained.
        quality: The expected score of a candidate, in the metric's units.
        shared: Standard deviation of the noise that candidates share on a repeat.
        own: Standard deviation of the noise of a candidate on a repeat.
        samples: Standard deviation of the luck a candidate has with the held-out samples, the same on every
            repeat.
        diverges: Whether a candidate is lost on a repeat.
        trained: The candidates and repeats of every call of `train`.
        rungs: The rungs of every call of `train`.
        refitted: How often `test` was called.
    """

    task: Task
    quality: Quality
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
        """Return what the formula says of every candidate, in their order."""
        self.trained.append((tuple(candidates), tuple(repeats)))
        self.rungs.append(rungs)
        epochs = candidates[0].recipe.epochs
        bracket = Bracket(len(candidates), repeats, self.task.measure.sign)
        scores = [[self._score(c, r) for r in repeats] for c in candidates]
        bracket.record(
            [
                Scored(
                    Member(place, repeat),
                    score,
                    "nan by epoch 1" if math.isnan(score) else None,
                    # The luck of other samples is the same on every repeat, so one of them tells it.
                    self._resampled(candidates[place], math.fsum(of_repeats) / len(repeats), n_resamples)
                    if repeat == repeats[0]
                    else (),
                )
                for place, of_repeats in enumerate(scores)
                for repeat, score in zip(repeats, of_repeats, strict=True)
            ],
            1,
        )
        for rung in (rungs or RungSchedule()).epochs:
            bracket.thin(rungs or RungSchedule(), rung)
        watch(1.0)
        return bracket.outcomes(epochs)

    def test(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch = unwatched
    ) -> Tested:
        """Return outputs on the test part of which a share like the score is right, or that are off by it."""
        self.refitted += 1
        watch(1.0)
        outputs = torch.stack([torch.stack([self._outputs(c, r) for r in repeats]) for c in candidates])
        targets = self.task.test[1]
        scores = self.task.measure(outputs.flatten(0, 1), targets)
        return Tested(scores.view(len(candidates), len(repeats)), outputs, targets)

    def _score(self, candidate: Candidate, repeat: Repeat) -> float:
        if self.diverges(candidate, repeat):
            return math.nan
        shared = self.shared * _normal("shared", repeat)
        luck = self.samples * _normal("held-out", candidate.key)
        return self.quality(candidate) + luck + shared + self.own * _normal("own", candidate.key, repeat)

    def _resampled(self, candidate: Candidate, score: float, count: int) -> tuple[float, ...]:
        """The score with the luck of other held-out samples on top, the same on every repeat."""
        luck = torch.randn(count, generator=generator("resampled", candidate.key), dtype=torch.float64)
        return tuple((score + self.samples * luck).tolist())

    def _outputs(self, candidate: Candidate, repeat: Repeat) -> Tensor:
        inputs, targets = self.task.test
        score = self._score(candidate, repeat)
        luck = torch.rand(len(targets), generator=generator("samples"), dtype=torch.float64)
        target = kind_named(self.task.kind).target
        if target == "number":
            predictions: Tensor = (targets + score * (0.5 + luck)).to(inputs.dtype)
            return predictions
        if target == "answer":
            right = (luck < score).reshape(-1, *[1] * (targets.dim() - 1))
            return torch.where(right, 2 * targets - 1, 1 - 2 * targets).to(inputs.dtype)
        classes = self.task.classes
        assert classes is not None
        found = torch.where(luck < score, targets, (targets + 1) % classes)
        return torch.nn.functional.one_hot(found, classes).to(inputs.dtype)


@lru_cache(maxsize=1 << 16)  # a search that is resumed asks for the same numbers
def _normal(*key: object) -> float:
    return float(torch.randn((), generator=generator(*key)))
