"""The steps that a loss is computed in, and those that hold parts together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import Parameter as Argument
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from ..declarations import Number

MIX = "mix"  # the name space of the terms' weights: mix.focal


@dataclass(frozen=True)
class Step:
    """One line of a loss: `outputs = function(*inputs, **parameters)`.

    Attributes:
        outputs: The name of what it computes, or the names of all where the function returns a tuple.
        function: A pure function of tensors.
        inputs: The names of the values it takes.
        parameters: Its keyword arguments, each with the name in the family of its value: ("gamma",
            "focal.gamma").
    """

    outputs: tuple[str, ...]
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = ()


@cache
def inputs_of(function: Callable[..., Tensor]) -> tuple[str, ...]:
    """The quantities a function asks for: the names of its positional arguments."""
    arguments = signature(function).parameters.values()
    return tuple(a.name for a in arguments if a.kind is Argument.POSITIONAL_OR_KEYWORD)


def mixed(*losses: Tensor, **weights: Number) -> Tensor:
    """The sum of the terms' losses, each times its weight.

    Args:
        losses: (N,) or (N, L) each, or () each; one for each weight.
        weights: At least 0, by the term's name, in the order of the losses.
    """
    total, *rest = (weight * loss for weight, loss in zip(weights.values(), losses, strict=True))
    for loss in rest:
        total = total + loss
    return total


def added(loss: Tensor, other: Tensor, *, weight: Number) -> Tensor:
    """The loss of the samples plus a weighted loss of the batch.

    Args:
        loss: ().
        other: ().
        weight: At least 0.
    """
    return loss + weight * other


def times(left: Tensor, right: Tensor) -> Tensor:
    """The product, sample by sample.

    Args:
        left: (N,) or (N, L).
        right: Likewise.
    """
    return left * right


def mean(loss: Tensor) -> Tensor:
    """The plain mean over the batch; 0 with zero gradient for an empty one."""
    if torch.compiler.is_exporting():  # for batches whose size is not known
        return loss.sum() / torch.ones_like(loss).sum().clamp(min=1)
    return loss.mean() if loss.numel() else loss.sum()


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """sum(weight * loss) / sum(weight); 0 with zero gradient where all weights are 0.

    Args:
        loss: (N,).
        weight: (N,), at least 0.
    """
    total = weight.sum()
    return (weight * loss).sum() / torch.where(total > 0, total, torch.ones_like(total))


def mean_over_labels(loss: Tensor) -> Tensor:
    """(N, L) to (N,): a sample's loss is the mean over its labels or target dimensions."""
    if torch.compiler.is_exporting():  # for targets whose rank is not known
        return loss.unsqueeze(-1).flatten(1).mean(1)
    return loss.flatten(1).mean(1) if loss.dim() > 1 else loss


def weighted_over_labels(loss: Tensor, weight: Tensor) -> Tensor:
    """(N, L) to (N,): the weighted mean over a sample's labels; 0 where all its weights are 0.

    Args:
        loss: (N, L), or (N,), which stays as it is.
        weight: Of the shape of the loss, at least 0.
    """
    if torch.compiler.is_exporting():  # for targets whose rank is not known
        loss, weight = loss.unsqueeze(-1), weight.unsqueeze(-1)
    elif loss.dim() == 1:
        return loss
    total = weight.flatten(1).sum(1)
    summed = (weight * loss).flatten(1).sum(1)
    return summed / torch.where(total > 0, total, torch.ones_like(total))


def ones(loss: Tensor) -> Tensor:
    """A weight of one for every sample."""
    return torch.ones_like(loss)


def same(mask: Tensor) -> Tensor:
    """The weight of each sample, where only the mask says something about it."""
    return mask


def in_full_precision(outputs: Tensor) -> Tensor:
    """Half-precision outputs as float32; float32 and float64 as they are."""
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))


def run(steps: Iterable[Step], values: dict[str, Tensor], parameters: Mapping[str, Number]) -> Tensor:
    """Take the steps, starting from `values`, and return the loss.

    Args:
        steps: In the order in which they are taken.
        values: What the first step may read, by name; what the steps compute is added.
        parameters: A number, or a 0-d tensor, for each parameter of the family that a step reads.
    """
    for step in steps:
        keywords = {keyword: parameters[name] for keyword, name in step.parameters}
        found = step.function(*(values[name] for name in step.inputs), **keywords)
        if len(step.outputs) > 1:
            values.update(zip(step.outputs, found, strict=True))
        else:
            values[step.outputs[0]] = found
    return values["loss"]
