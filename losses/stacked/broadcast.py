"""One function of a loss for many members at once: by `vmap`, or without it where that comes to the same.

On small tensors `vmap` costs more than what it runs. Most functions broadcast: given all members' inputs
with the members first, and their numbers with an axis for every one of the inputs', they do for all what
they do for each. Which do is not asked of whoever writes one: it is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from ..kernels import stacked_gap, stacked_terms

Function = Callable[..., Tensor]
Numbers = Mapping[str, Tensor]
Way = Callable[[Function, Sequence[Tensor], Sequence[bool], Numbers, int], Tensor]


def mapped(
    function: Function, inputs: Sequence[Tensor], alone: Sequence[bool], numbers: Numbers, members: int
) -> Tensor:
    """By `vmap`, which is always right."""
    del members
    axes = (*(None if shared else 0 for shared in alone), 0)
    found: Tensor = vmap(lambda *given: function(*given[:-1], **given[-1]), in_dims=axes)(
        *inputs, dict(numbers)
    )
    return found


def as_they_are(
    function: Function, inputs: Sequence[Tensor], alone: Sequence[bool], numbers: Numbers, members: int
) -> Tensor:
    """What all members share without their axis."""
    del members
    return function(*inputs, **_beside(inputs, alone, numbers))


def expanded(
    function: Function, inputs: Sequence[Tensor], alone: Sequence[bool], numbers: Numbers, members: int
) -> Tensor:
    """What all members share as if each had its own."""
    each = [v.expand(members, *v.shape) if shared else v for v, shared in zip(inputs, alone, strict=True)]
    return function(*each, **_beside(inputs, alone, numbers))


def aligned(
    function: Function, inputs: Sequence[Tensor], alone: Sequence[bool], numbers: Numbers, members: int
) -> Tensor:
    """Inputs of fewer axes than others as broadcasting would have them for one member."""
    del members
    axes = _axes(inputs, alone)
    each = [
        v if shared else v.view(len(v), *[1] * (axes + 1 - v.dim()), *v.shape[1:])
        for v, shared in zip(inputs, alone, strict=True)
    ]
    return function(*each, **_beside(inputs, alone, numbers))


def _axes(inputs: Sequence[Tensor], alone: Sequence[bool]) -> int:
    """The most axes that an input of one member has."""
    return max(v.dim() - (not shared) for v, shared in zip(inputs, alone, strict=True))


def _beside(inputs: Sequence[Tensor], alone: Sequence[bool], numbers: Numbers) -> Numbers:
    """(members,) numbers as they broadcast with the inputs."""
    after = [1] * _axes(inputs, alone)
    return {name: value.view(-1, *after) for name, value in numbers.items()}


# Not for `vmap`: they have gradients of their own, and bear what broadcasts.
_OWN: tuple[Function, ...] = (
    *(stacked_gap.is_target, stacked_gap.gap_and_lag, stacked_gap.gap, stacked_gap.log_p_mean),
    *(stacked_gap.entropy, stacked_terms.margin, stacked_terms.multi_margin, stacked_terms.bi_tempered),
)
_ways: dict[tuple[Any, ...], Way] = {(function, None): as_they_are for function in _OWN}


def together(
    function: Function, inputs: Sequence[Tensor], alone: Sequence[bool], numbers: Numbers, members: int
) -> Tensor:
    """The function of every member's `inputs` and `numbers`, the members first.

    Inputs have the members first, but those marked in `alone`, which all members share; `numbers` are
    (members,). How it is called is found out once for each function and kind of inputs.
    """
    way = _ways.get((function, None))
    if way is None:
        key = (function, tuple(v.dim() for v in inputs), tuple(alone), tuple(numbers))
        way = _ways.get(key)
        if way is None:
            way = _ways[key] = _way(function, inputs, alone, numbers)
    return way(function, inputs, alone, numbers, members)


@torch.no_grad()
def _way(function: Function, inputs: Sequence[Tensor], alone: Sequence[bool], numbers: Numbers) -> Way:
    """The first way that does what `vmap` does, on made-up members whose values are all their own."""
    draw = torch.Generator().manual_seed(0)
    sizes = {size for value in inputs for size in value.shape}
    members = next(count for count in (2, 3, 5, 7, 11, 13, 17) if count not in sizes or count == 17)
    made = [
        _varied(v if shared else v[0], 1 if shared else members, draw, joined=shared)
        for v, shared in zip(inputs, alone, strict=True)
    ]
    own = {name: torch.linspace(0.3, 0.7, members, dtype=torch.float64) for name in numbers}
    wanted = mapped(function, made, alone, own, members)
    for way in (as_they_are, expanded, aligned):
        try:
            found = way(function, made, alone, own, members)
        except Exception:  # noqa: BLE001, S112  (whatever it does not bear, it is no way)
            continue
        if found.shape == wanted.shape and torch.allclose(found, wanted, rtol=1e-12, atol=0.0):
            return way
    return mapped


def _varied(value: Tensor, copies: int, draw: torch.Generator, *, joined: bool) -> Tensor:
    """Copies of a value, drawn from its own numbers: the same range, and of the floating ones none alike."""
    flat = value.detach().cpu().flatten()
    found = flat[torch.randint(len(flat), (copies, len(flat)), generator=draw)].view(copies, *value.shape)
    if found.is_floating_point():
        found = found.double() * (0.5 + 0.5 * torch.rand(found.shape, generator=draw, dtype=torch.float64))
    return found[0] if joined else found


def mean(loss: Tensor) -> Tensor:
    """As `steps.mean`, of (..., N)."""
    return loss.mean(-1) if loss.numel() else loss.sum(-1)


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """As `steps.weighted_mean`, of (..., N)."""
    total = weight.sum(-1)
    return (weight * loss).sum(-1) / torch.where(total > 0, total, torch.ones_like(total))
