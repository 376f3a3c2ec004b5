"""The losses of a program's members, evaluated together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.func import vmap

from ...losses import Family, Kind, LossSpec
from ...losses.family import MIX
from ...losses.freeze import shaped
from ...losses.registry import part


class StackedLoss:
    """The losses that `specs` describe, one for each member.

    Members are evaluated as one family: the union of the parts of all, with the weight or the neutral value
    that switches a part off where a member does without. Members with a costly part form a family of their
    own, so that the others do not pay for it.
    """

    def __init__(self, kind: Kind, specs: Sequence[LossSpec], dtype: torch.dtype) -> None:
        groups: dict[frozenset[str], list[int]] = {}
        for member, spec in enumerate(specs):
            groups.setdefault(frozenset(n for n in spec.parts if part(n).costly), []).append(member)
        self._groups = [
            _Group(
                kind, [specs[m] for m in members], None if len(groups) == 1 else torch.tensor(members), dtype
            )
            for members in groups.values()
        ]

    def __call__(self, outputs: Tensor, targets: Tensor, constants: Mapping[str, Tensor]) -> Tensor:
        """The sum of every member's loss on `outputs` (M, N, ...): its gradient is each member's own."""
        total, *rest = (group(outputs, targets, constants) for group in self._groups)
        for more in rest:
            total = total + more
        return total


class _Group:
    """Members that share a family; `members` are their places, None for all there are."""

    def __init__(
        self, kind: Kind, specs: Sequence[LossSpec], members: Tensor | None, dtype: torch.dtype
    ) -> None:
        names = frozenset[str]().union(*(spec.parts for spec in specs))
        self._kind, self._members, self._family = kind, members, Family(kind, names)
        absent: dict[str, float] = {}
        for name in names:
            chosen = part(name)
            if chosen.stage == "term":
                absent[f"{MIX}.{name}"] = 0.0
            absent |= {
                f"{name}.{p.name}": p.default if p.neutral is None else p.neutral for p in chosen.parameters
            }
        self._numbers = {
            name: torch.tensor([spec.parameters.get(name, off) for spec in specs], dtype=dtype)
            for name, off in absent.items()
        }

    def __call__(self, outputs: Tensor, targets: Tensor, constants: Mapping[str, Tensor]) -> Tensor:
        def loss(outputs: Tensor, numbers: dict[str, Tensor]) -> Tensor:
            return self._family(*shaped(self._kind, outputs, targets), numbers, constants)

        mine = outputs if self._members is None else outputs.index_select(0, self._members)
        return vmap(loss)(mine, self._numbers).sum()
