"""The seam inside a stacked program: how the outputs and gradients of all members are computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]  # of outputs (M, N, ...) and targets (groups, N, ...): the sum, 0-d


@dataclass(frozen=True)
class Layout:
    """The order in which the dimensions of a stacked parameter (M, ...) lie in memory.

    Args:
        order: The dimension of (M, ...) that is stored at each place, the slowest first.
    """

    order: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> Layout:
        """The layout of a tensor (M, ...), read off its strides."""
        strides = tensor.stride()
        return cls(tuple(sorted(range(tensor.dim()), key=lambda d: (-strides[d], d))))

    @property
    def member_dim(self) -> int:
        """The stored dimension along which the members stand."""
        return self.order.index(0)

    def stored(self, tensor: Tensor) -> Tensor:
        """(M, ...) as it is stored."""
        return tensor.permute(self.order)

    def members_first(self, stored: Tensor) -> Tensor:
        """What is stored as (M, ...)."""
        return stored.permute([self.order.index(d) for d in range(len(self.order))])


@dataclass(frozen=True, eq=False)
class Members:
    """The parameters of M members, as their models hand them to an optimiser.

    Args:
        names: The name of each trained parameter, as `nn.Module.named_parameters` has it.
        leaves: Each parameter of all members, stored in its layout.
        layouts: The layout of each leaf.
        buffers: What training changes besides, by name, each (M, ...).
    """

    names: tuple[str, ...]
    leaves: tuple[Tensor, ...]
    layouts: tuple[Layout, ...]
    buffers: Mapping[str, Tensor]

    @classmethod
    def of(cls, models: Sequence[nn.Module], count: int, device: torch.device) -> Members:
        """Members that start as models do: `count` as the first model, as many as the second, and so on.

        Args:
            models: Models of one structure.
            count: How many members start as each model.
            device: Where the members lie.
        """
        trained = [name for name, p in models[0].named_parameters() if p.requires_grad]
        buffered = [name for name, _ in models[0].named_buffers()]
        states = [dict((*m.named_parameters(), *m.named_buffers())) for m in models]

        def stacked(name: str) -> Tensor:
            start = torch.stack([state[name].detach().to(device) for state in states])
            return start.repeat_interleave(count, 0)

        leaves = tuple(stacked(name).requires_grad_() for name in trained)
        layouts = tuple(Layout(tuple(range(leaf.dim()))) for leaf in leaves)
        return cls(tuple(trained), leaves, layouts, {name: stacked(name) for name in buffered})

    def named(self) -> dict[str, Tensor]:
        """The trained parameters by name, each (M, ...)."""
        return {
            name: layout.members_first(leaf)
            for name, leaf, layout in zip(self.names, self.leaves, self.layouts, strict=True)
        }

    @property
    def member_dims(self) -> list[int]:
        """The dimension of each leaf along which the members stand."""
        return [layout.member_dim for layout in self.layouts]

    def laid_out(self, layouts: Sequence[Layout]) -> Members:
        """The same members, stored in other layouts."""
        named = zip(self.named().values(), layouts, strict=True)
        leaves = tuple(layout.stored(value.detach()).contiguous().requires_grad_() for value, layout in named)
        return Members(self.names, leaves, tuple(layouts), self.buffers)

    def take(self, rows: Tensor) -> Members:
        """The members at these places (M',)."""
        leaves = tuple(
            leaf.detach().index_select(dim, rows).requires_grad_()
            for leaf, dim in zip(self.leaves, self.member_dims, strict=True)
        )
        buffers = {name: value[rows] for name, value in self.buffers.items()}
        return Members(self.names, leaves, self.layouts, buffers)

    def join(self, other: Members, rows: Tensor) -> Members:
        """Both together, in a chosen order.

        Args:
            other: The other members, of models of the same structure.
            rows: The order (M + M',) in which these members and then the others are taken.
        """
        pairs = enumerate(zip(self.leaves, other.leaves, strict=True))
        leaves = tuple(
            self.joined(i, mine.detach(), theirs.detach(), other, rows).requires_grad_()
            for i, (mine, theirs) in pairs
        )
        buffers = {n: torch.cat([v, other.buffers[n]])[rows] for n, v in self.buffers.items()}
        return Members(self.names, leaves, self.layouts, buffers)

    def joined(self, index: int, mine: Tensor, theirs: Tensor, other: Members, rows: Tensor) -> Tensor:
        """One of two tensors that are laid out as a leaf here and in other members.

        Args:
            index: The number of the leaf.
            mine: The tensor of these members.
            theirs: The tensor of the others.
            other: The other members.
            rows: The order (M + M',) in which these members and then the others are taken.
        """
        layout = self.layouts[index]
        alike = layout.stored(other.layouts[index].members_first(theirs))
        return torch.cat([mine, alike], layout.member_dim).index_select(layout.member_dim, rows)


class MemberModel(Protocol):
    """M models of one structure, computed together.

    The members stand group by group, each group on inputs of its own. An implementation may keep tensors
    between calls: gradients are valid until the next call.

    Attributes:
        members: The parameters, which an optimiser changes in place.
    """

    members: Members

    def outputs_and_gradients(
        self, inputs: Tensor, targets: Tensor, loss: Loss
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """Compute one training step's outputs (M, N, ...) and the gradients of the leaves.

        Args:
            inputs: (groups, N, ...).
            targets: (groups, N, ...).
            loss: The sum of the members' losses.
        """

    def evaluate(self, inputs: Tensor) -> Tensor:
        """The outputs (M, N, ...) in evaluation mode on inputs (groups, N, ...), without gradients."""

    def keep(self, rows: Tensor) -> None:
        """Go on with the members at these places, (M',)."""

    def join(self, other: Self, rows: Tensor) -> None:
        """Go on with the members of another model too.

        Args:
            other: A model of the same structure on the same groups.
            rows: The order (M + M',) in which these members and then the others are taken; see
                `Members.join`.
        """
