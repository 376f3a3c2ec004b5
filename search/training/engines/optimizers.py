"""One optimiser step for many members, each with its own learning rate, decay, momentum and clipping.

For Adam the optimiser is torch's own. It moves a *delta* that starts each step at zero, with a learning
rate of one; the members then move by their own learning rate times that delta. Its step is proportional to
its learning rate, so this is the same step, and on a CPU it runs torch's fused kernel, which also takes the
delta back to zero: a decoupled weight decay of one takes all of it off. SGD's momentum may differ from member
to member, which torch's cannot; it is two operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....spaces.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Settings:
    """What may differ from member to member, each tensor (members,) in float64.

    Args:
        rates: Learning rates.
        decays: Weight decays.
        momenta: Momenta of SGD.
        clips: The largest norms of the gradient; infinity for a member that is not clipped.
        decaying: Whether any weight decay is above zero; told here, for looking would wait for the device.
        moving: Whether any momentum is above zero.
        clipped: Whether any member is clipped.
    """

    rates: Tensor
    decays: Tensor
    momenta: Tensor
    clips: Tensor
    decaying: bool
    moving: bool
    clipped: bool

    @classmethod
    def of(cls, recipes: Sequence[Recipe], device: torch.device | None = None) -> Settings:
        """The settings of members with these recipes.

        Args:
            recipes: The recipe of each member.
            device: Where the members lie.
        """
        values = [
            [r.rate for r in recipes],
            [r.weight_decay for r in recipes],
            [r.momentum for r in recipes],
            [math.inf if r.clip is None else r.clip for r in recipes],
        ]
        rates, decays, momenta, clips = torch.tensor(values, dtype=torch.float64, device=device).unbind()
        decaying, moving = any(values[1]), any(values[2])
        return cls(rates, decays, momenta, clips, decaying, moving, any(map(math.isfinite, values[3])))


class StackedOptimizer:
    """Steps stacked parameters: `leaves[i]` holds all members along dimension `member_dims[i]`.

    Optimiser and Nesterov's momentum are those of `recipe`, which all members share; the rest are theirs.

    Args:
        leaves: Each parameter of all members.
        member_dims: The dimension of each leaf along which the members stand.
        recipe: A recipe of which optimiser and Nesterov's momentum are read.
        settings: What differs from member to member.
    """

    def __init__(
        self, leaves: Sequence[Tensor], member_dims: Sequence[int], recipe: Recipe, settings: Settings
    ) -> None:
        self._recipe = recipe
        self._torch: torch.optim.AdamW | None = None
        self._moving = [torch.zeros_like(leaf) for leaf in leaves]  # Adam's deltas, or SGD's momentum
        if recipe.optimizer != "sgd":
            self._torch = torch.optim.AdamW(self._moving, lr=1.0, weight_decay=1.0, fused=True)
        self._set(leaves, member_dims, settings)

    def _set(self, leaves: Sequence[Tensor], member_dims: Sequence[int], settings: Settings) -> None:
        self._leaves, self._dims = list(leaves), list(member_dims)
        self._settings = settings
        decoupled = self._recipe.optimizer == "adamw"
        self._decays = self._along(settings.decays) if settings.decaying and not decoupled else None
        self._shrinking = settings.decaying and decoupled
        moving = self._recipe.optimizer == "sgd" and settings.moving
        self._momenta = self._along(settings.momenta) if moving else None

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], factor: Tensor | float = 1.0) -> None:
        """Move every member by one step along its gradient.

        `factor` is what the schedule makes of the learning rate: one for all, or (members,).

        Args:
            gradients: The gradient of each leaf.
            factor: The share of the learning rate that this step takes: 0-d for all members, or (M,).
        """
        if self._settings.clipped:
            gradients = self._clip(gradients)
        if self._decays is not None:
            pulls = zip(gradients, self._leaves, self._decays, strict=True)
            gradients = [torch.addcmul(gradient, leaf, decay) for gradient, leaf, decay in pulls]
        rates = self._settings.rates * factor
        if self._shrinking:
            kept = self._along(1 - rates * self._settings.decays)
            for leaf, share in zip(self._leaves, kept, strict=True):
                leaf.mul_(share)
        if self._torch is None:
            self._by_sgd(gradients, self._along(-rates))
        else:
            self._by_adam(self._torch, gradients, self._along(rates))

    def _by_adam(self, adam: torch.optim.AdamW, gradients: Sequence[Tensor], rates: Sequence[Tensor]) -> None:
        for delta, gradient in zip(self._moving, gradients, strict=True):
            delta.grad = _laid_out_as(delta, gradient)
        adam.step()
        for leaf, rate, delta in zip(self._leaves, rates, self._moving, strict=True):
            leaf.addcmul_(delta, rate)

    def _by_sgd(self, gradients: Sequence[Tensor], rates: Sequence[Tensor]) -> None:
        if self._momenta is None:
            for leaf, rate, gradient in zip(self._leaves, rates, gradients, strict=True):
                leaf.addcmul_(gradient, rate)
            return
        every = zip(self._leaves, rates, gradients, self._moving, self._momenta, strict=True)
        for leaf, rate, gradient, velocity, momentum in every:
            velocity.mul_(momentum).add_(gradient)
            ahead = torch.addcmul(gradient, velocity, momentum) if self._recipe.nesterov else velocity
            leaf.addcmul_(ahead, rate)

    def _clip(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """Gradients of which no member's norm, over all its parameters, exceeds its own limit."""
        square = torch.zeros_like(self._settings.clips)
        for gradient, dim in zip(gradients, self._dims, strict=True):
            norms = torch.linalg.vector_norm(gradient.movedim(dim, 0).flatten(1), dim=1)
            square += norms.double().square()
        limits = self._settings.clips
        shares = (limits / (square.sqrt() + 1e-6)).clamp(max=1)  # as `clip_grad_norm_` has it
        shares = torch.where(limits.isinf(), torch.ones_like(shares), shares)
        return [g * share for g, share in zip(gradients, self._along(shares), strict=True)]

    def keep(
        self, leaves: Sequence[Tensor], member_dims: Sequence[int], settings: Settings, members: Tensor
    ) -> None:
        """Go on with some of the members.

        Args:
            leaves: Each parameter of the members that go on.
            member_dims: The dimension of each leaf along which they stand.
            settings: What differs from member to member.
            members: The places (M',) of those that go on.
        """
        old = self._moving
        dims = list(member_dims)
        if self._torch is None:
            self._moving = [m.index_select(dim, members) for m, dim in zip(old, dims, strict=True)]
        else:
            self._moving = [torch.zeros_like(leaf) for leaf in leaves]
            state = self._torch.state
            for before, after, dim in zip(old, self._moving, dims, strict=True):
                kept = state.pop(before, {})
                state[after] = {
                    key: value.index_select(dim, members)
                    if isinstance(value, Tensor) and value.shape == before.shape
                    else value
                    for key, value in kept.items()
                }
            self._torch.param_groups[0]["params"] = self._moving
        self._set(leaves, dims, settings)

    def join(
        self,
        other: StackedOptimizer,
        joined: Callable[[int, Tensor, Tensor], Tensor],
        leaves: Sequence[Tensor],
        settings: Settings,
    ) -> None:
        """Go on with another's members too, which took as many steps: `leaves` and `settings` are of all.

        `joined` makes one of two tensors that are laid out as leaf number i of each.

        Args:
            other: The optimiser of the other members.
            joined: Makes one of two tensors that are laid out as a leaf of that number, of these members and
                of the others.
            leaves: Each parameter of all of them.
            settings: What differs from member to member.
        """
        old = self._moving
        every = range(len(old))
        if self._torch is None or other._torch is None:
            self._moving = [joined(i, old[i], other._moving[i]) for i in every]
        else:
            self._moving = [torch.zeros_like(leaf) for leaf in leaves]
            for i in every:
                mine, theirs = self._torch.state.pop(old[i], {}), other._torch.state.get(other._moving[i], {})
                self._torch.state[self._moving[i]] = {
                    key: joined(i, value, theirs[key]) if value.shape == old[i].shape else value
                    for key, value in mine.items()
                }
            self._torch.param_groups[0]["params"] = self._moving
        self._set(leaves, self._dims, settings)

    def _along(self, values: Tensor) -> list[Tensor]:
        """(members,) as it broadcasts to each leaf."""
        found = []
        for leaf, dim in zip(self._leaves, self._dims, strict=True):
            shape = [1] * leaf.dim()
            shape[dim] = -1
            found.append(values.to(leaf.dtype).view(shape))
        return found


def _laid_out_as(delta: Tensor, gradient: Tensor) -> Tensor:
    """The gradient laid out in memory as the delta is: torch's fused kernels read no strides."""
    return gradient if gradient.stride() == delta.stride() else torch.empty_like(delta).copy_(gradient)
