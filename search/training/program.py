"""The seam between the two engines: several candidates trained on one repeat."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Event
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from ...spaces.recipe import Recipe
from ..random_streams import generator, stream_seed
from ..records import Candidate, Member, Repeat
from ..tasks.splits import Split
from ..tasks.task import Task
from .bracket import Scored

CPU = torch.device("cpu")
EXPLODED = 1e6  # a parameter of this size has left every useful region


class Stopped(Exception):  # noqa: N818  (nothing went wrong)
    """Raised inside a program when the search is being stopped."""


class WorkerError(RuntimeError):
    """A worker failed or died; the message says how."""


class Batch(NamedTuple):
    """What one step trains on.

    Attributes:
        inputs: Inputs (N, ...).
        targets: Targets (N, ...).
        weights: How much each sample counts (N,); None where they count alike.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Job:
    """What a program trains: candidates on one repeat.

    Their recipes are alike but for learning rate, schedule, stopping, weight decay, momentum and clipping.

    Attributes:
        task: The task, whose model is trained.
        split: The data of the repeat.
        candidates: The candidates.
        repeat: What they are trained on.
        seed: The search's seed.
        stop: Ends the training once it is set.
        device: Where the models are trained.
        precision: "float32" or "bf16".
    """

    task: Task
    split: Split
    candidates: Sequence[Candidate]
    repeat: Repeat
    seed: int
    stop: Event = field(default_factory=Event)
    device: torch.device = CPU
    precision: str = "float32"

    @property
    def recipe(self) -> Recipe:
        """What the recipes of all candidates share, and the first one's own."""
        return self.candidates[0].recipe

    @property
    def steps(self) -> int:
        """How many batches an epoch has."""
        samples, size = len(self.split.train[1]), self.recipe.batch_size
        whole, rest = divmod(samples, size)
        return whole + (rest > 1 or samples == 1 < size)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch, the same for every candidate: order keyed by seed, repeat and epoch.

        The last batch may be smaller; one that would hold a single sample is left out, for batch
        normalisation cannot use it. The task's `augment` changes the inputs, alike for every candidate.
        """
        (inputs, targets), weights = self.split.train, self.split.train_weights
        augment = self.task.augment
        order = torch.randperm(len(targets), generator=generator(self.seed, "batches", self.repeat, epoch))
        for step, rows in enumerate(order.split(self.recipe.batch_size)[: self.steps]):
            chosen = inputs[rows]
            if augment is not None:
                chosen = augment(chosen, generator(self.seed, "augment", self.repeat, epoch, step))
            yield Batch(chosen, targets[rows], None if weights is None else weights[rows])

    def rng_scope(self) -> AbstractContextManager[None]:
        """Give the global generators back as they were, where the model draws from them at all."""
        if not self.task.is_stochastic:
            return nullcontext()
        return torch.random.fork_rng(devices=[] if self.device.type == "cpu" else [self.device])

    def seed_step(self, epoch: int, step: int) -> None:
        """Seed what the model draws in a step, inside `rng_scope`; raise `Stopped` if the search is to stop.

        The seed depends on the repeat and the step alone, so every candidate gets the same dropout masks.

        Args:
            epoch: The number of the epoch, from 0.
            step: The number of the step in it, from 0.
        """
        if self.stop.is_set():
            raise Stopped
        if self.task.is_stochastic:
            torch.manual_seed(stream_seed(self.seed, "noise", self.repeat, epoch, step))


class Program(Protocol):
    """Candidates in training. Members keep the order of the candidates."""

    def train(self, epochs: int) -> None:
        """Train every member for `epochs` more epochs."""

    def outputs(self, inputs: Tensor | None = None) -> Tensor:
        """Every member's outputs in evaluation mode, (members, N, ...); on the held-out part by default."""

    def parameters(self, member: int) -> dict[str, Tensor]:
        """A copy of one member's parameters and buffers by name, as `nn.Module.state_dict` names them."""

    def faults(self) -> dict[int, str]:
        """The members that diverged, with "nan" or "explode" and the epoch at which it was noticed."""

    def keep(self, members: Sequence[int]) -> None:
        """Drop every member but these."""

    def join(self, other: Self) -> None:
        """Train the candidates of `other` too, behind the own ones: trained for as long on the same repeats.

        Nothing may be asked of `other` any more.
        """


class CohortProgram(Protocol):
    """Candidates of a cohort on some repeats, in training here or in a worker; they are scored there too."""

    def train(self, epochs: int) -> None:
        """Train every member for `epochs` more epochs."""

    def scores(self, n_resamples: int = 0) -> list[Scored]:
        """Score every member on the held-out part, under `n_resamples` resamplings of it too."""

    def outputs(self) -> dict[Member, Tensor]:
        """Every member's outputs (N, ...) on the held-out part."""

    def keep(self, candidates: Collection[int]) -> None:
        """Drop every candidate but these, which are named by their places in the cohort."""

    def join(self, other: Self) -> None:
        """Train the candidates of `other` too, which lives in the same place and is trained as far.

        Nothing may be asked of `other` any more.
        """


class RemoteProgram(CohortProgram, Protocol):
    """A program, or another object with methods, that lives in a worker."""

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the object where it lives, and wait for the answer.

        Args:
            method: The method's name.
            *arguments: Its arguments.
        """


class WorkerPool(Protocol):
    """Processes, on this machine or elsewhere, that make programs and run their methods.

    A pool belongs to one search. A call to one of its programs raises `Stopped` once the search is being
    stopped, `MemoryError` where the program was lost to short memory, `WorkerError` where it failed.

    Attributes:
        joinable: Whether a program may train several repeats, and be joined by another of its worker.
        holds: How many members a program may have, once one was too large for a worker; None until then.
    """

    joinable: bool
    holds: int | None

    def size(self) -> int:
        """How many programs run at a time, as the pool is now."""

    def program(self, worker: int, *arguments: object) -> RemoteProgram:
        """Make a program in a worker.

        Args:
            worker: The number of the worker, modulo the size of the pool.
            *arguments: What the program is made from.
        """

    def forget(self) -> None:
        """Drop every program that was made."""

    def close(self) -> None:
        """End the workers; a second call does nothing."""


def fault_of(largest: float) -> str | None:
    """What is wrong with a member, given the largest absolute value of its parameters; None for nothing."""
    if not math.isfinite(largest):
        return "nan"
    return "explode" if largest > EXPLODED else None
