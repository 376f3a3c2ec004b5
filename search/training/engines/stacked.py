"""The cohort engine: every member's weights stacked along one axis and moved by one vectorised step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import vmap

from ....losses.custom.user_code import in_their_code
from ....losses.stacked.stacked_loss import StackedLoss
from ...random_streams import stream_seed
from ..program import Job, fault_of
from .optimizers import Settings, StackedOptimizer
from .precision import called
from .schedules import factors
from .stacked_mlp import StackedMlp, is_mlp

EVALUATED_AT_ONCE = 1 << 22  # outputs times samples, in numbers


class StackedProgram:
    """Members trained as one. What a member becomes does not depend on its place or its neighbours.

    Each job is the same candidates on another repeat. All members of a repeat start from the same
    initialisation and see the same batches (and the same dropout masks), so that differences between them
    come from their losses alone. Parameters that the model does not train (`requires_grad` off) are not
    stacked: all members share them. Members stand repeat by repeat, candidates in their order.
    """

    def __init__(self, job: Job, *others: Job) -> None:
        self._jobs, self._epoch, self._step = (job, *others), 0, 0
        models = [j.task.build(stream_seed(j.seed, "model", j.repeat.seed)) for j in self._jobs]
        self.job, self._model = job, models[0].to(job.device)
        self._candidates = list(job.candidates)
        parameters = {name: p for name, p in self._model.named_parameters() if p.requires_grad}
        self._names = list(parameters)
        self._orders = [tuple(range(parameters[name].dim() + 1)) for name in self._names]
        by_repeat = [dict((*m.named_parameters(), *m.named_buffers())) for m in models]
        starts = {
            name: torch.stack([own[name].detach() for own in by_repeat]).to(job.device)
            for name in by_repeat[0]
        }
        count = len(self._candidates)
        self._leaves = [starts[name].repeat_interleave(count, 0).requires_grad_() for name in self._names]
        self._buffers = {n: starts[n].repeat_interleave(count, 0) for n, _ in self._model.named_buffers()}
        self._chain: StackedMlp | None = None
        self._read_candidates()
        self._lay_out()
        self._optimizer = StackedOptimizer(self._leaves, self._member_dims, job.recipe, self._settings)

    def _read_candidates(self) -> None:
        """The losses of the members and how each is trained."""
        dtype = torch.promote_types(self._leaves[0].dtype, torch.float32)
        members = self._candidates * len(self._jobs)
        recipes = [c.recipe for c in members]
        constants = [j.split.constants for j in self._jobs]
        specs = [c.spec for c in members]
        self._losses = StackedLoss(self.job.task.kind, specs, dtype, constants, self.job.device)
        self._settings = Settings.of(recipes, self.job.device)
        courses = {r: factors(r, self.job.steps) for r in recipes}
        alike = len({tuple(course.tolist()) for course in courses.values()}) == 1
        self._factors = courses[recipes[0]] if alike else torch.stack([courses[r] for r in recipes], 1)
        self._factors = self._factors.to(self.job.device)

    def _lay_out(self) -> None:
        """Store each parameter in the memory order in which its gradient arrives.

        A batched matrix product may return weight gradients transposed; were the parameters stored
        otherwise, every step would copy them, which costs a quarter of it.
        """
        if is_mlp(self._model) and self.job.precision == "float32":
            self._member_dims = [0] * len(self._leaves)
            self._chain = StackedMlp(self._leaves, len(self._jobs))
            return
        inputs, targets = self._together([(j.split.train[0][:2], j.split.train[1][:2]) for j in self._jobs])
        with self.job.noise():
            buffers = {name: value.clone() for name, value in self._buffers.items()}
            gradients = self._gradients(inputs, targets)
            self._buffers = buffers
        for index, gradient in enumerate(gradients):
            strides = gradient.stride()
            order = tuple(sorted(range(gradient.dim()), key=lambda d: (-strides[d], d)))
            self._orders[index] = order
            self._leaves[index] = self._leaves[index].detach().permute(order).contiguous().requires_grad_()
        self._member_dims = [order.index(0) for order in self._orders]

    def _together(self, batches: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """The repeats' batches as inputs (repeats, N, ...) and targets (repeats, N, ...), on the device."""
        inputs, targets = (
            each[0].unsqueeze(0) if len(each) == 1 else torch.stack(each)
            for each in zip(*batches, strict=True)
        )
        return inputs.to(self.job.device), targets.to(self.job.device)

    def _stacked(self) -> dict[str, Tensor]:
        """The parameters by name, members first."""
        return {
            name: leaf.permute(*(order.index(d) for d in range(len(order))))
            for name, leaf, order in zip(self._names, self._leaves, self._orders, strict=True)
        }

    def _gradients(self, inputs: Tensor, targets: Tensor) -> Sequence[Tensor]:
        """The gradients of the leaves on one batch of each repeat."""
        if self._chain is not None:
            outputs = self._chain.forward(inputs).detach().requires_grad_()
            (slope,) = torch.autograd.grad(self._losses(outputs, targets), outputs)
            return self._chain.backward(inputs, slope)
        outputs = self._forward(inputs, self._buffers)
        return torch.autograd.grad(self._losses(outputs, targets), self._leaves)

    def _forward(self, inputs: Tensor, buffers: dict[str, Tensor]) -> Tensor:
        """Every member's outputs (members, N, ...) on its repeat's inputs; buffers are updated in place."""

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor) -> Tensor:
            return called(self._model, {**parameters, **buffers}, inputs, self.job.precision)

        # randomness="same": a dropout mask is drawn once and shared, as batches are.
        candidates = vmap(one, in_dims=(0, 0, None), randomness="same")
        if len(self._jobs) == 1:
            outputs: Tensor = candidates(self._stacked(), buffers, inputs[0])
            return outputs
        shape = len(self._jobs), len(self._candidates)
        split = [{n: v.unflatten(0, shape) for n, v in each.items()} for each in (self._stacked(), buffers)]
        repeats: Callable[..., Tensor] = vmap(candidates, randomness="same")
        return repeats(*split, inputs).flatten(0, 1)

    def train(self, epochs: int) -> None:
        self._model.train()
        with in_their_code(f"task {self.job.task.name}: training failed"), self.job.noise():
            for _ in range(epochs):
                put_back = self.freeze_stopped()
                together = zip(*(j.batches(self._epoch) for j in self._jobs), strict=True)
                for step, batches in enumerate(together):
                    self.job.begin(self._epoch, step)
                    gradients = self._gradients(*self._together(batches))
                    self._optimizer.step(gradients, self._factors[min(self._step, len(self._factors) - 1)])
                    self._step += 1
                put_back()
                self._epoch += 1

    @torch.no_grad()
    def freeze_stopped(self) -> Callable[[], None]:
        """What puts members that have stopped back to where they are now.

        Their learning rate is zero, but batch statistics would move on, and an infinite gradient is not
        silenced by a zero.
        """
        members = self._candidates * len(self._jobs)
        rows = [m for m, c in enumerate(members) if c.recipe.stopped(self._epoch)]
        if not rows:
            return lambda: None
        there = torch.tensor(rows, device=self.job.device)
        held = [
            (values, dim, values.detach().index_select(dim, there))
            for values, dim in (
                *zip(self._leaves, self._member_dims, strict=True),
                *((buffer, 0) for buffer in self._buffers.values()),
            )
        ]

        def put_back() -> None:
            for values, dim, still in held:
                values.detach().index_copy_(dim, there, still)

        return put_back

    @torch.no_grad()
    def outputs(self, inputs: Tensor | None = None) -> Tensor:
        """As `Program.outputs`; given inputs are every repeat's."""
        held = [j.split.held[0] if inputs is None else inputs for j in self._jobs]
        self._model.eval()
        numbers = len(self._candidates) * len(self._jobs) * max(1, held[0][0].numel())
        rows, found = max(1, EVALUATED_AT_ONCE // numbers), []
        for start in range(0, len(held[0]), rows):
            chunk = torch.stack([each[start : start + rows] for each in held]).to(self.job.device)
            found.append(self._evaluated(chunk))
        return (found[0] if len(found) == 1 else torch.cat(found, 1)).cpu()

    def _evaluated(self, inputs: Tensor) -> Tensor:
        if self._chain is not None:
            return self._chain.evaluate(inputs)
        return self._forward(inputs, self._buffers).to(self._leaves[0].dtype)

    @torch.no_grad()
    def parameters(self, member: int) -> dict[str, Tensor]:
        frozen = {name: p.clone() for name, p in self._model.named_parameters() if name not in self._names}
        own = {name: value[member].clone() for name, value in (self._stacked() | self._buffers).items()}
        return {name: value.cpu() for name, value in (frozen | own).items()}

    @torch.no_grad()
    def faults(self) -> dict[int, str]:
        largest = torch.zeros(
            len(self._leaves[0].movedim(self._member_dims[0], 0)), dtype=self._leaves[0].dtype
        )
        largest = largest.to(self.job.device)
        for leaf, dim in zip(self._leaves, self._member_dims, strict=True):
            largest = torch.maximum(largest, leaf.movedim(dim, 0).flatten(1).abs().amax(1))
        found = {member: fault_of(value) for member, value in enumerate(largest.tolist())}
        return {member: f"{fault} by epoch {self._epoch}" for member, fault in found.items() if fault}

    @torch.no_grad()
    def keep(self, candidates: Sequence[int]) -> None:
        """Drop every candidate but these, on all repeats."""
        count = len(self._candidates)
        if len(candidates) == count:
            return
        starts = range(0, count * len(self._jobs), count)
        rows = torch.tensor([start + c for start in starts for c in candidates], device=self.job.device)
        self._candidates = [self._candidates[c] for c in candidates]
        self._leaves = [
            leaf.index_select(dim, rows).requires_grad_()
            for leaf, dim in zip(self._leaves, self._member_dims, strict=True)
        ]
        self._buffers = {name: value[rows] for name, value in self._buffers.items()}
        self._read_candidates()
        if self._chain is not None:
            self._chain = StackedMlp(self._leaves, len(self._jobs))
        self._optimizer.keep(self._leaves, self._member_dims, self._settings, rows)

    @torch.no_grad()
    def join(self, other: StackedProgram) -> None:
        repeats, own, theirs = len(self._jobs), len(self._candidates), len(other._candidates)
        mine, behind = torch.arange(repeats * (own + theirs)).split([repeats * own, repeats * theirs])
        rows = torch.cat([mine.view(repeats, -1), behind.view(repeats, -1)], 1).flatten().to(self.job.device)

        def joined(i: int, mine: Tensor, others: Tensor) -> Tensor:
            alike = others.permute([other._orders[i].index(d) for d in self._orders[i]])
            dim = self._member_dims[i]
            return torch.cat([mine, alike], dim).index_select(dim, rows)

        leaves = zip(self._leaves, other._leaves, strict=True)
        self._leaves = [joined(i, *pair).requires_grad_() for i, pair in enumerate(leaves)]
        self._buffers = {n: torch.cat([v, other._buffers[n]])[rows] for n, v in self._buffers.items()}
        self._candidates += other._candidates
        self._read_candidates()
        if self._chain is not None:
            self._chain = StackedMlp(self._leaves, repeats)
        self._optimizer.join(other._optimizer, joined, self._leaves, self._settings)
