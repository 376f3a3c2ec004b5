"""A function of a loss for many members at once: by `vmap`, or without it where it says that it broadcasts.

On small tensors `vmap` costs more than what it runs. Most functions broadcast: given all members' inputs
with the members first, and their numbers with an axis for every one of the inputs', they do for all what
they do for each. A part or a quantity declares it (`broadcasts=True`), and the contract tries it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum

import torch
from torch import Tensor
from torch.func import vmap

from ..family import steps

Function = Callable[..., Tensor]
Numbers = Mapping[str, Tensor]
Way = Callable[[Function, Sequence[Tensor], "Sequence[Given]", Numbers, int], Tensor]


class Given(Enum):
    """What an input of a function is."""

    EACH = "every member's own, (M, N, ...)"
    SHARED = "all members share it, (N, ...)"
    DATA = "every member's own, without samples: (M,) or (M, K)"
    SHARED_DATA = "all members share it, without samples: () or (K,)"

    @property
    def shared(self) -> bool:
        """Whether it has no axis for the members."""
        return self in (Given.SHARED, Given.SHARED_DATA)


def mapped(
    function: Function, inputs: Sequence[Tensor], given: Sequence[Given], numbers: Numbers, members: int
) -> Tensor:
    """By `vmap`, which is always right.

    Args:
        function: Of one member's inputs, and its numbers as keyword arguments.
        inputs: All members' inputs.
        given: What each input is.
        numbers: (M,) each.
        members: M.
    """
    del members
    axes = (*(None if how.shared else 0 for how in given), 0)
    found: Tensor = vmap(lambda *own: function(*own[:-1], **own[-1]), in_dims=axes)(*inputs, dict(numbers))
    return found


def expanded(
    function: Function, inputs: Sequence[Tensor], given: Sequence[Given], numbers: Numbers, members: int
) -> Tensor:
    """The function in one call, with what members share as if each had its own; arguments as of `mapped`."""
    pairs = zip(inputs, given, strict=True)
    each = [v.expand(members, *v.shape) if how is Given.SHARED else v for v, how in pairs]
    own = [Given.EACH if how is Given.SHARED else how for how in given]
    return as_they_are(function, each, own, numbers, members)


def as_they_are(
    function: Function, inputs: Sequence[Tensor], given: Sequence[Given], numbers: Numbers, members: int
) -> Tensor:
    """The function in one call, with what members share without their axis; arguments as of `mapped`."""
    del members
    pairs = list(zip(inputs, given, strict=True))
    axes = max((v.dim() - (how is Given.EACH) for v, how in pairs if how is not Given.DATA), default=0)
    each = (_beside_samples(v, axes) if how is Given.DATA else v for v, how in pairs)
    return function(*each, **{name: _wide(value, axes) for name, value in numbers.items()})


def _wide(values: Tensor, axes: int) -> Tensor:
    """(M,) numbers as they broadcast with inputs of so many axes for each member."""
    return values.view(-1, *[1] * axes)


def _beside_samples(value: Tensor, axes: int) -> Tensor:
    """What members know of their data as it broadcasts with samples: (M, 1, K); numbers (M, 1, ...)."""
    return _wide(value, axes) if value.dim() == 1 else value.unsqueeze(1)


def mean(loss: Tensor) -> Tensor:
    """As `steps.mean`, of (M, N)."""
    return loss.mean(-1) if loss.numel() else loss.sum(-1)


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """As `steps.weighted_mean`, of (M, N) and (M, N) or (N,).

    Args:
        loss: (M, N).
        weight: (M, N) or (N,), at least 0.
    """
    total = weight.sum(-1)
    return (weight * loss).sum(-1) / torch.where(total > 0, total, torch.ones_like(total))


def mean_over_labels(loss: Tensor) -> Tensor:
    """As `steps.mean_over_labels`, of (M, N, ...)."""
    return loss.flatten(2).mean(2) if loss.dim() > 2 else loss


def weighted_over_labels(loss: Tensor, weight: Tensor) -> Tensor:
    """As `steps.weighted_over_labels`, of (M, N, ...), and that or (N, ...).

    Args:
        loss: (M, N, ...).
        weight: (M, N, ...) or (N, ...), at least 0.
    """
    if loss.dim() == 2:
        return loss
    weight = weight.expand_as(loss)
    total, summed = weight.flatten(2).sum(2), (weight * loss).flatten(2).sum(2)
    return summed / torch.where(total > 0, total, torch.ones_like(total))


def no_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """What the terms of every sample are added to, of the shape of the targets.

    Args:
        outputs: For their dtype alone.
        targets: (M, N, ...) or (N, ...).
    """
    return torch.zeros_like(targets, dtype=outputs.dtype)


def no_loss_of_batch(outputs: Tensor) -> Tensor:
    """What the terms of a batch are added to, (M,)."""
    return outputs.new_zeros(len(outputs))


# What holds parts together, for all members.
OF_MEMBERS: Mapping[Function, Function] = {
    steps.mean: mean,
    steps.weighted_mean: weighted_mean,
    steps.mean_over_labels: mean_over_labels,
    steps.weighted_over_labels: weighted_over_labels,
    no_loss_of_batch: no_loss_of_batch,
}
BROADCASTING: frozenset[Function] = frozenset({steps.times, steps.ones, steps.same})
