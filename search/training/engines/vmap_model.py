"""Any model that torch.func can vectorise, stacked by `vmap`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.func import vmap

from .member_model import Layout, Loss, MemberModel, Members
from .precision import called


class VmapModel(MemberModel):
    """Members computed by autograd through a vectorised call of one model.

    Args:
        model: The structure, on the device of the members, with the parameters that it does not train.
        members: Where the members start.
        groups: The number of groups.
        precision: The precision in which the model computes.
    """

    def __init__(self, model: nn.Module, members: Members, groups: int, precision: str) -> None:
        self._model, self._groups, self._precision = model, groups, precision
        self.members = members

    def lay_out(self, inputs: Tensor, targets: Tensor, loss: Loss) -> None:
        """Store each parameter in the memory order in which its gradient arrives, found out on one batch.

        A batched matrix product may return weight gradients transposed; were the parameters stored
        otherwise, every step would copy them, which costs a quarter of it.

        Args:
            inputs: Inputs (groups, N, ...) of a step.
            targets: Targets (groups, N, ...).
            loss: The sum of the members' losses.
        """
        kept = {name: value.clone() for name, value in self.members.buffers.items()}
        _, gradients = self.outputs_and_gradients(inputs, targets, loss)
        found = self.members.laid_out([Layout.of(gradient) for gradient in gradients])
        self.members = Members(found.names, found.leaves, found.layouts, kept)

    def outputs_and_gradients(
        self, inputs: Tensor, targets: Tensor, loss: Loss
    ) -> tuple[Tensor, Sequence[Tensor]]:
        outputs = self._called(inputs, training=True)
        return outputs.detach(), torch.autograd.grad(loss(outputs, targets), self.members.leaves)

    @torch.no_grad()
    def evaluate(self, inputs: Tensor) -> Tensor:
        return self._called(inputs, training=False).to(self.members.leaves[0].dtype)

    @torch.no_grad()
    def keep(self, rows: Tensor) -> None:
        self.members = self.members.take(rows)

    @torch.no_grad()
    def join(self, other: Self, rows: Tensor) -> None:
        self.members = self.members.join(other.members, rows)

    def _called(self, inputs: Tensor, *, training: bool) -> Tensor:
        """Every member's outputs (M, N, ...) on its group's inputs; buffers are updated in place."""
        if self._model.training != training:
            self._model.train(training)

        def one(parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
            return called(self._model, {**parameters, **buffers}, inputs, self._precision)

        # randomness="same": a dropout mask is drawn once and shared, as batches are.
        group: Callable[..., Tensor] = vmap(one, in_dims=(0, 0, None), randomness="same")
        parameters, buffers = self.members.named(), dict(self.members.buffers)
        if self._groups == 1:
            return group(parameters, buffers, inputs[0])
        split = [
            {name: value.unflatten(0, (self._groups, -1)) for name, value in each.items()}
            for each in (parameters, buffers)
        ]
        groups: Callable[..., Tensor] = vmap(group, randomness="same")
        return groups(*split, inputs).flatten(0, 1)
