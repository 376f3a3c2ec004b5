"""One optimiser step for many members, each with its own learning rate and weight decay.

The optimiser is torch's own. It moves a *delta* that starts each step at zero, with a learning rate of
one; the members then move by their own learning rate times that delta. For every optimiser whose step is
proportional to its learning rate this is the same step, and on a CPU it runs torch's fused kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..recipe import Recipe


class StackedOptimizer:
    """Steps stacked parameters: `leaves[i]` holds all members along dimension `member_dims[i]`.

    `rates` and `decays` are (members,): learning rate and L2 weight decay, as in `torch.optim`.
    """

    def __init__(
        self,
        leaves: Sequence[Tensor],
        member_dims: Sequence[int],
        recipe: Recipe,
        rates: Tensor,
        decays: Tensor,
    ) -> None:
        self._leaves = list(leaves)
        self._deltas = [torch.zeros_like(leaf) for leaf in leaves]
        self._rates = [_along(rates, leaf, dim) for leaf, dim in zip(leaves, member_dims, strict=True)]
        self._decays = (
            [_along(decays, leaf, dim) for leaf, dim in zip(leaves, member_dims, strict=True)]
            if bool(decays.any())
            else []
        )
        self._torch = _torch_optimizer(self._deltas, recipe)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move every member by one step along its gradient."""
        if self._decays:
            pulls = zip(gradients, self._leaves, self._decays, strict=True)
            gradients = [torch.addcmul(gradient, leaf, decay) for gradient, leaf, decay in pulls]
        for delta, gradient in zip(self._deltas, gradients, strict=True):
            delta.grad = _laid_out_as(delta, gradient)
        self._torch.step()
        for leaf, rate, delta in zip(self._leaves, self._rates, self._deltas, strict=True):
            leaf.addcmul_(delta, rate)
            delta.zero_()

    def keep(
        self,
        leaves: Sequence[Tensor],
        member_dims: Sequence[int],
        rates: Tensor,
        decays: Tensor,
        members: Tensor,
    ) -> None:
        """Go on with some of the members: `leaves`, `rates` and `decays` are theirs."""
        old = self._deltas
        self._leaves = list(leaves)
        self._deltas = [torch.zeros_like(leaf) for leaf in leaves]
        self._rates = [_along(rates, leaf, dim) for leaf, dim in zip(leaves, member_dims, strict=True)]
        if self._decays:
            self._decays = [_along(decays, leaf, dim) for leaf, dim in zip(leaves, member_dims, strict=True)]
        state = self._torch.state
        for before, after, dim in zip(old, self._deltas, member_dims, strict=True):
            kept = state.pop(before, {})
            state[after] = {
                key: value.index_select(dim, members)
                if isinstance(value, Tensor) and value.shape == before.shape
                else value
                for key, value in kept.items()
            }
        self._torch.param_groups[0]["params"] = self._deltas


def _laid_out_as(delta: Tensor, gradient: Tensor) -> Tensor:
    """The gradient laid out in memory as the delta is: torch's fused kernels read no strides."""
    return gradient if gradient.stride() == delta.stride() else torch.empty_like(delta).copy_(gradient)


def _along(values: Tensor, leaf: Tensor, dim: int) -> Tensor:
    """(members,) reshaped to broadcast along `dim` of `leaf`."""
    shape = [1] * leaf.dim()
    shape[dim] = -1
    return values.to(leaf.dtype).view(shape)


def _torch_optimizer(deltas: list[Tensor], recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "adam":
        return torch.optim.Adam(deltas, lr=1.0, fused=True)
    return torch.optim.SGD(deltas, lr=1.0, momentum=recipe.momentum, fused=True)
