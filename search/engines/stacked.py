"""The cohort engine: every member's weights stacked along one axis and moved by one vectorised step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from ..streams import stream_seed
from .chain import Chain, is_chain
from .optimizers import StackedOptimizer
from .program import Job, fault_of
from .stacked_loss import StackedLoss

EVALUATED_AT_ONCE = 1 << 22  # outputs times samples, in numbers


class StackedProgram:
    """Members trained as one. What a member becomes does not depend on its place or its neighbours.

    Every member starts from the same initialisation and sees the same batches (and the same dropout
    masks), so that differences between members come from their losses alone. Parameters that the model
    does not train (`requires_grad` off) are not stacked: all members share them.
    """

    def __init__(self, job: Job) -> None:
        self.job, self._epoch = job, 0
        self._model = job.task.build(stream_seed(job.seed, "model", job.repeat.seed))
        self._candidates = list(job.candidates)
        count = len(self._candidates)
        parameters = {name: p for name, p in self._model.named_parameters() if p.requires_grad}
        self._names = list(parameters)
        self._orders = [tuple(range(parameters[name].dim() + 1)) for name in self._names]
        self._leaves = [_stack(parameters[name].detach(), count).requires_grad_() for name in self._names]
        self._buffers = {name: _stack(value, count) for name, value in self._model.named_buffers()}
        self._read_candidates()
        self._chain: Chain | None = None
        self._lay_out()
        self._optimizer = StackedOptimizer(
            self._leaves, self._member_dims, job.recipe, self._rates, self._decays
        )

    def _read_candidates(self) -> None:
        """The losses, learning rates and weight decays of the members."""
        dtype = torch.promote_types(self._leaves[0].dtype, torch.float32)
        self._losses = StackedLoss(self.job.task.kind, [c.spec for c in self._candidates], dtype)
        self._rates = torch.tensor([c.recipe.rate for c in self._candidates], dtype=torch.float64)
        self._decays = torch.tensor([c.recipe.weight_decay for c in self._candidates], dtype=torch.float64)

    def _lay_out(self) -> None:
        """Store each parameter in the memory order in which its gradient arrives.

        A batched matrix product returns weight gradients transposed; were the parameters stored
        otherwise, every step would copy them, which costs a quarter of it.
        """
        rows = self.job.split.train[0][:2], self.job.split.train[1][:2]
        with self.job.noise():
            buffers = {name: value.clone() for name, value in self._buffers.items()}
            gradients = self._gradients(*rows)
            self._buffers = buffers
        for index, gradient in enumerate(gradients):
            strides = gradient.stride()
            order = tuple(sorted(range(gradient.dim()), key=lambda d: (-strides[d], d)))
            self._orders[index] = order
            self._leaves[index] = self._leaves[index].detach().permute(order).contiguous().requires_grad_()
        self._member_dims = [order.index(0) for order in self._orders]
        self._find_chain()

    def _find_chain(self) -> None:
        weights = all(order == ((0, 2, 1) if len(order) == 3 else (0, 1)) for order in self._orders)
        self._chain = Chain(self._leaves) if weights and is_chain(self._model) else None

    def _stacked(self) -> dict[str, Tensor]:
        """The parameters by name, members first."""
        return {
            name: leaf.permute(*(order.index(d) for d in range(len(order))))
            for name, leaf, order in zip(self._names, self._leaves, self._orders, strict=True)
        }

    def _gradients(self, inputs: Tensor, targets: Tensor) -> Sequence[Tensor]:
        """The gradients of the leaves on one batch."""
        if self._chain is not None:
            outputs = self._chain.forward(inputs).detach().requires_grad_()
            (slope,) = torch.autograd.grad(self._losses(outputs, targets, self.job.split.constants), outputs)
            return self._chain.backward(inputs, slope)

        def forward(parameters: dict[str, Tensor], buffers: dict[str, Tensor]) -> Tensor:
            outputs: Tensor = functional_call(self._model, {**parameters, **buffers}, (inputs,))
            return outputs

        # randomness="same": a dropout mask is drawn once and shared, as batches are.
        outputs = vmap(forward, randomness="same")(self._stacked(), self._buffers)
        return torch.autograd.grad(self._losses(outputs, targets, self.job.split.constants), self._leaves)

    def train(self, epochs: int) -> None:
        self._model.train()
        with self.job.noise():
            for _ in range(epochs):
                for step, (inputs, targets) in enumerate(self.job.batches(self._epoch)):
                    self.job.begin(self._epoch, step)
                    self._optimizer.step(self._gradients(inputs, targets))
                self._epoch += 1

    @torch.no_grad()
    def outputs(self, inputs: Tensor | None = None) -> Tensor:
        inputs = self.job.split.held[0] if inputs is None else inputs
        self._model.eval()
        parameters, buffers = self._stacked(), self._buffers
        forward = vmap(lambda p, b, x: functional_call(self._model, {**p, **b}, (x,)), in_dims=(0, 0, None))
        rows = max(1, EVALUATED_AT_ONCE // (len(self._candidates) * max(1, inputs[0].numel())))
        return torch.cat([forward(parameters, buffers, chunk) for chunk in inputs.split(rows)], 1)

    @torch.no_grad()
    def parameters(self, member: int) -> dict[str, Tensor]:
        frozen = {name: p.clone() for name, p in self._model.named_parameters() if name not in self._names}
        own = {name: value[member].clone() for name, value in (self._stacked() | self._buffers).items()}
        return {**frozen, **own}

    @torch.no_grad()
    def faults(self) -> dict[int, str]:
        largest = torch.zeros(len(self._candidates), dtype=self._leaves[0].dtype)
        for leaf, dim in zip(self._leaves, self._member_dims, strict=True):
            largest = torch.maximum(largest, leaf.movedim(dim, 0).flatten(1).abs().amax(1))
        found = {member: fault_of(value) for member, value in enumerate(largest.tolist())}
        return {member: f"{fault} by epoch {self._epoch}" for member, fault in found.items() if fault}

    @torch.no_grad()
    def keep(self, members: Sequence[int]) -> None:
        if len(members) == len(self._candidates):
            return
        rows = torch.tensor(list(members))
        self._candidates = [self._candidates[m] for m in members]
        self._leaves = [
            leaf.index_select(dim, rows).requires_grad_()
            for leaf, dim in zip(self._leaves, self._member_dims, strict=True)
        ]
        self._buffers = {name: value[rows] for name, value in self._buffers.items()}
        self._read_candidates()
        self._find_chain()
        self._optimizer.keep(self._leaves, self._member_dims, self._rates, self._decays, rows)


def _stack(value: Tensor, count: int) -> Tensor:
    return value.unsqueeze(0).expand(count, *value.shape).clone()
