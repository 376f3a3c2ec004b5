"""A program that scores its members where they are trained, so that numbers travel and no outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from threading import Event
from typing import Self

import torch
from torch import Tensor

from ..metrics.cutoffs import cross_fitted, tuned_offsets
from ..random_streams import generator
from ..records import Candidate, Member, Repeat
from ..statistics import resampled
from ..tasks.splits import Split, final_split, split_for
from ..tasks.task import Task
from .bracket import Scored
from .engines.device import Hardware
from .engines.registry import engine_named
from .program import CohortProgram, Job, Program

MakeProgram = Callable[[Mapping[int, Candidate], Sequence[Repeat], bool], CohortProgram]


class ScoredProgram(CohortProgram):
    """Candidates of a cohort on some repeats, with the data that they are held to.

    Args:
        program: Trains the members: the candidates on the first repeat, then on the second, and so on.
        jobs: What the program was made of, one for each repeat.
        candidates: The candidates by their places in the cohort.
    """

    def __init__(self, program: Program, jobs: Sequence[Job], candidates: Mapping[int, Candidate]) -> None:
        self.job = jobs[0]
        self._program, self._jobs, self._candidates = program, tuple(jobs), list(candidates)
        self._tuned = {place for place, candidate in candidates.items() if candidate.cutoff == "tuned"}

    def train(self, epochs: int) -> None:
        self._program.train(epochs)

    def scores(self, n_resamples: int = 0) -> list[Scored]:
        outputs, reasons = self._program.outputs(), self._program.faults()
        wide = outputs.reshape(*outputs.shape[:2], -1)  # outputs may be (members, N) alone
        finite = wide.isfinite().flatten(1).all(1).tolist()
        spread = (wide.amax(1) - wide.amin(1)).amax(1).tolist()
        found: list[Scored] = []
        for job, own in self._by_repeat(torch.nan_to_num(outputs)):
            targets = job.split.held[1].to(own.device)
            decided, offsets = self._with_cutoffs(job, own, targets)
            scores = job.task.measure.weighted(job.split.held_weights)(decided, targets).tolist()
            drawn = self._resampled(job, decided, n_resamples)
            for candidate, score, draws in zip(self._candidates, scores, drawn, strict=True):
                member, reason = len(found), reasons.get(len(found))
                if reason is None and not finite[member]:
                    reason = "nan in the outputs"
                elif reason is None and spread[member] == 0 and len(targets) > 1:
                    reason = "collapse: the same output for every sample"
                key = Member(candidate, job.repeat)
                cutoff = offsets.get(candidate, ())
                found.append(Scored(key, math.nan if reason else score, reason, tuple(draws), cutoff))
        return found

    def outputs(self) -> dict[Member, Tensor]:
        # Each a tensor of its own: what is pickled of a view is all that it is a view of.
        return {
            Member(candidate, job.repeat): own.clone()
            for job, some in self._by_repeat(self._program.outputs().cpu())
            for candidate, own in zip(self._candidates, some, strict=True)
        }

    def keep(self, candidates: Collection[int]) -> None:
        places = [place for place, candidate in enumerate(self._candidates) if candidate in candidates]
        self._program.keep(places)
        self._candidates = [self._candidates[place] for place in places]

    def join(self, other: Self) -> None:
        self._program.join(other._program)
        self._candidates += other._candidates
        self._tuned |= other._tuned

    def _with_cutoffs(
        self, job: Job, outputs: Tensor, targets: Tensor
    ) -> tuple[Tensor, dict[int, tuple[float, ...]]]:
        """The outputs with tuned cut-offs where these are asked for, and the offsets by candidate.

        Each sample's offsets were tuned on other samples; those returned were tuned on all of them, for use
        on other data.
        """
        rows = [row for row, candidate in enumerate(self._candidates) if candidate in self._tuned]
        if not rows:
            return outputs, {}
        metric, kind = job.task.measure, job.task.kind
        decided = outputs.clone()
        decided[rows] = cross_fitted(metric, kind, outputs[rows], targets, job.seed)
        offsets = tuned_offsets(metric, kind, outputs[rows], targets).tolist()
        return decided, {self._candidates[row]: tuple(own) for row, own in zip(rows, offsets, strict=True)}

    def _by_repeat(self, members: Tensor) -> Iterator[tuple[Job, Tensor]]:
        """(members, ...) in parts of (candidates, ...)."""
        return zip(self._jobs, members.split(len(self._candidates)), strict=True)

    def _resampled(self, job: Job, outputs: Tensor, n_resamples: int) -> list[list[float]]:
        """The score of each candidate under each resample; NaN for one without a held-out sample of this."""
        if not n_resamples:
            return [[] for _ in self._candidates]
        targets, places = job.split.held[1], job.split.places
        weights = _resamples(job.task, job.seed, n_resamples)
        weights = weights if places is None else weights[:, places]
        measure = job.task.measure.weighted(job.split.held_weights)
        scores = measure.score(outputs, targets.to(outputs.device), weights.to(outputs.device))
        found: list[list[float]] = scores.T.tolist()
        return found


@lru_cache(maxsize=1)
def _resamples(task: Task, seed: int, n_resamples: int) -> Tensor:
    """How often each sample of the part that is held out from counts in each resample, (n_resamples, N)."""
    held = task.train if task.validation is None else task.validation
    return resampled(n_resamples, len(held[1]), generator(seed, "held-out samples"))


def program_maker(
    task: Task,
    engine: str,
    folds: int,
    seed: int,
    hardware: Hardware | None = None,
    stop: Event | None = None,
) -> MakeProgram:
    """Return what makes the programs of a search, in this process or in a worker; it keeps the data of folds.

    Args:
        task: The data, the model and the metric.
        engine: The name of the engine.
        folds: The number of folds of the training part.
        seed: What every random stream is keyed by.
        hardware: The device and precision of the programs; None for the CPU.
        stop: Ends the training of every program with `Stopped` once it is set.
    """
    on, ends = hardware or Hardware(), stop or Event()
    chosen = engine_named(engine)

    @lru_cache(maxsize=16)
    def data(fold: int, partition: int) -> Split:
        return on.placed(split_for(task, Repeat(0, fold, partition), folds, seed), task)

    @lru_cache(maxsize=1)
    def test_data() -> Split:
        return on.placed(final_split(task), task)

    def make(candidates: Mapping[int, Candidate], repeats: Sequence[Repeat], final: bool) -> ScoredProgram:  # noqa: FBT001  (a message's part, by its place)
        losses = list(candidates.values())
        jobs = [
            Job(
                task,
                test_data() if final else data(repeat.fold, repeat.partition),
                losses,
                repeat,
                seed,
                ends,
                on.device,
                on.precision,
            )
            for repeat in repeats
        ]
        return ScoredProgram(chosen.program(*jobs), jobs, candidates)

    return make
