"""The cohort engine: every member's weights stacked along one axis and moved by one vectorised step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ....losses.custom import in_user_code
from ....losses.stacked import StackedLoss
from ...random_streams import stream_seed
from ...records import Candidate
from ..program import Batch, Job, fault_of
from .engine import Engine
from .member_model import Loss, MemberModel, Members
from .optimizers import Settings, StackedOptimizer
from .schedules import factors
from .stackable import obstacle, widths
from .stacked_mlp import StackedMlp, is_mlp
from .vmap_model import VmapModel

EVALUATED_AT_ONCE = 1 << 22  # outputs times samples, in numbers


class StackedProgram:
    """Members trained as one. What a member becomes does not depend on its place or its neighbours.

    All members of a repeat start from the same initialisation and see the same batches (and the same dropout
    masks), so that differences between them come from their losses alone. Parameters that the model does not
    train (`requires_grad` off) are not stacked: all members share them. Members stand repeat by repeat,
    candidates in their order.

    Args:
        job: The candidates on the first repeat.
        *others: The same candidates on each of the other repeats.
    """

    def __init__(self, job: Job, *others: Job) -> None:
        self._jobs, self._epoch, self._step = (job, *others), 0, 0
        self.job = job
        models = [j.task.build(stream_seed(j.seed, "model", j.repeat.seed)) for j in self._jobs]
        members = Members.of(models, len(job.candidates), job.device)
        model = models[0].to(job.device)
        self._shared = {name: p for name, p in model.named_parameters() if name not in members.names}
        self._read_candidates(job.candidates, members.leaves[0].dtype)
        self._model = self._member_model(model, members)
        self._optimizer = StackedOptimizer(self._leaves, self._dims, job.recipe, self._settings)

    @property
    def _leaves(self) -> Sequence[Tensor]:
        return self._model.members.leaves

    @property
    def _dims(self) -> list[int]:
        return self._model.members.member_dims

    def _read_candidates(self, candidates: Sequence[Candidate], dtype: torch.dtype) -> None:
        """The losses of the members and how each is trained."""
        self._candidates = list(candidates)
        members = self._candidates * len(self._jobs)
        recipes = [c.recipe for c in members]
        constants = [j.split.constants for j in self._jobs]
        self._losses = StackedLoss(
            self.job.task.kind,
            [c.spec for c in members],
            torch.promote_types(dtype, torch.float32),
            constants,
            self.job.device,
            self.job.task.ignored_target,
        )
        self._settings = Settings.of(recipes, self.job.device)
        courses = {r: factors(r, self.job.steps) for r in recipes}
        alike = len({tuple(course.tolist()) for course in courses.values()}) == 1
        course = courses[recipes[0]] if alike else torch.stack([courses[r] for r in recipes], 1)
        self._factors = course.to(self.job.device)

    def _member_model(self, model: nn.Module, members: Members) -> MemberModel:
        if is_mlp(model) and self.job.precision == "float32":
            return StackedMlp(members, len(self._jobs))
        found = VmapModel(model, members, len(self._jobs), self.job.precision)
        batches = [Batch(j.split.train[0][:2], j.split.train[1][:2]) for j in self._jobs]
        with self.job.rng_scope():
            found.lay_out(*self._together(batches))
        return found

    def _together(self, batches: Sequence[Batch]) -> tuple[Tensor, Tensor, Loss]:
        """The repeats' batches (repeats, N, ...) on the device: inputs, targets, and the losses of them."""
        inputs, targets, *weights = (
            (each[0].unsqueeze(0) if len(each) == 1 else torch.stack(each)).to(self.job.device)
            for each in zip(*batches, strict=True)
            if each[0] is not None
        )
        return inputs, targets, partial(self._losses, sample_weight=weights[0]) if weights else self._losses

    def train(self, epochs: int) -> None:
        with in_user_code(f"task {self.job.task.name}: training failed"), self.job.rng_scope():
            for _ in range(epochs):
                put_back = self._freeze_stopped()
                together = zip(*(j.batches(self._epoch) for j in self._jobs), strict=True)
                for step, batches in enumerate(together):
                    self.job.seed_step(self._epoch, step)
                    _, gradients = self._model.outputs_and_gradients(*self._together(batches))
                    self._optimizer.step(gradients, self._factors[min(self._step, len(self._factors) - 1)])
                    self._step += 1
                put_back()
                self._epoch += 1

    @torch.no_grad()
    def _freeze_stopped(self) -> Callable[[], None]:
        """Return what puts members that have stopped back to where they are now.

        Their learning rate is zero, but batch statistics would move on, and an infinite gradient is not
        silenced by a zero.
        """
        candidates = self._candidates * len(self._jobs)
        rows = [m for m, c in enumerate(candidates) if c.recipe.stopped(self._epoch)]
        if not rows:
            return lambda: None
        there = torch.tensor(rows, device=self.job.device)
        changing = [
            *zip(self._leaves, self._dims, strict=True),
            *((buffer, 0) for buffer in self._model.members.buffers.values()),
        ]
        held = [(values, dim, values.detach().index_select(dim, there)) for values, dim in changing]

        def put_back() -> None:
            for values, dim, still in held:
                values.detach().index_copy_(dim, there, still)

        return put_back

    @torch.no_grad()
    def outputs(self, inputs: Tensor | None = None) -> Tensor:
        """As `Program.outputs`; given inputs are every repeat's."""
        held = [j.split.held[0] if inputs is None else inputs for j in self._jobs]
        numbers = len(self._candidates) * len(self._jobs) * max(1, held[0][0].numel())
        rows, found = max(1, EVALUATED_AT_ONCE // numbers), []
        for start in range(0, len(held[0]), rows):
            chunk = torch.stack([each[start : start + rows] for each in held]).to(self.job.device)
            found.append(self._model.evaluate(chunk))
        return found[0] if len(found) == 1 else torch.cat(found, 1)

    @torch.no_grad()
    def parameters(self, member: int) -> dict[str, Tensor]:
        own = {**self._model.members.named(), **self._model.members.buffers}
        found = {**self._shared, **{name: value[member] for name, value in own.items()}}
        return {name: value.detach().clone().cpu() for name, value in found.items()}

    @torch.no_grad()
    def faults(self) -> dict[int, str]:
        sizes = [
            leaf.movedim(dim, 0).flatten(1).abs().amax(1)
            for leaf, dim in zip(self._leaves, self._dims, strict=True)
        ]
        largest = sizes[0]
        for size in sizes[1:]:
            largest = torch.maximum(largest, size)
        found = {member: fault_of(value) for member, value in enumerate(largest.tolist())}
        return {member: f"{fault} by epoch {self._epoch}" for member, fault in found.items() if fault}

    def keep(self, candidates: Sequence[int]) -> None:
        """Drop every candidate but these, on all repeats."""
        count = len(self._candidates)
        if len(candidates) == count:
            return
        starts = range(0, count * len(self._jobs), count)
        rows = torch.tensor([start + c for start in starts for c in candidates], device=self.job.device)
        self._model.keep(rows)
        self._read_candidates([self._candidates[c] for c in candidates], self._leaves[0].dtype)
        self._optimizer.keep(self._leaves, self._dims, self._settings, rows)

    def join(self, other: StackedProgram) -> None:
        repeats, own, theirs = len(self._jobs), len(self._candidates), len(other._candidates)
        mine, behind = torch.arange(repeats * (own + theirs)).split([repeats * own, repeats * theirs])
        rows = torch.cat([mine.view(repeats, -1), behind.view(repeats, -1)], 1).flatten().to(self.job.device)
        before, guests = self._model.members, other._model.members

        def joined(index: int, mine: Tensor, others: Tensor) -> Tensor:
            return before.joined(index, mine, others, guests, rows)

        self._model.join(other._model, rows)
        self._read_candidates([*self._candidates, *other._candidates], self._leaves[0].dtype)
        self._optimizer.join(other._optimizer, joined, self._leaves, self._settings)


ENGINE = Engine(
    "cohort",
    StackedProgram,
    stacks=True,
    described="stacked by {width}",
    advantage=1.1,  # beside other programs, its memory is less near than when it was measured
    obstacle=partial(obstacle, StackedProgram),
    widths=widths,
    surely=lambda task: "linear layers and ReLU are fastest stacked" if is_mlp(task.build(0)) else None,
)
