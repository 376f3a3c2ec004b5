"""How parts are put together into one loss.

The order is the literature's: adjust the logits, smooth the targets, mix the terms, modulate each
sample, weigh, select and reduce, add what is computed per batch. `plan` writes that order down as steps,
each one a call of a pure function. `Family` runs the steps; `losses/source.py` prints them as a readable
module. So what is exported is what was searched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import Parameter as Argument
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from .parts import Kind, Number, Part, Stage
from .quantities import OF_SHAPE, QUANTITIES
from .registry import parts_for

MIX = "mix"
GIVEN = ("outputs", "targets", "class_counts", "target_scale")


@dataclass(frozen=True)
class Step:
    """One line of a loss: `output = function(*inputs, **parameters)`.

    `output` is a name, or several with commas. `parameters` maps the function's keyword arguments to names of
    the family, such as "focal.gamma".
    """

    output: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what it computes."""
        return tuple(self.output.split(", "))


@cache
def inputs_of(function: Callable[..., Tensor]) -> tuple[str, ...]:
    """The quantities a function asks for: the names of its positional arguments."""
    arguments = signature(function).parameters.values()
    return tuple(a.name for a in arguments if a.kind is Argument.POSITIONAL_OR_KEYWORD)


def mixed(*losses: Tensor, **weights: Number) -> Tensor:
    """The sum of the terms' losses, each times its weight."""
    total, *rest = (weight * loss for weight, loss in zip(weights.values(), losses, strict=True))
    for loss in rest:
        total = total + loss
    return total


def added(loss: Tensor, other: Tensor, *, weight: Number) -> Tensor:
    """The loss of the samples plus a weighted loss of the batch."""
    return loss + weight * other


def times(left: Tensor, right: Tensor) -> Tensor:
    """The product, sample by sample."""
    return left * right


def mean(loss: Tensor) -> Tensor:
    """The plain mean over the batch; 0 with zero gradient for an empty one."""
    return loss.mean() if loss.numel() else loss.sum()


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """sum(weight * loss) / sum(weight); 0 with zero gradient where all weights are 0."""
    total = weight.sum()
    return (weight * loss).sum() / torch.where(total > 0, total, torch.ones_like(total))


def mean_over_labels(loss: Tensor) -> Tensor:
    """(N, L) to (N,): a sample's loss is the mean over its labels or target dimensions."""
    return loss.flatten(1).mean(1) if loss.dim() > 1 else loss


def weighted_over_labels(loss: Tensor, weight: Tensor) -> Tensor:
    """(N, L) to (N,): the weighted mean over a sample's labels; 0 where all its weights are 0."""
    if loss.dim() == 1:
        return loss
    total = weight.flatten(1).sum(1)
    summed = (weight * loss).flatten(1).sum(1)
    return summed / torch.where(total > 0, total, torch.ones_like(total))


def ones(loss: Tensor) -> Tensor:
    """A weight of one for every sample."""
    return torch.ones_like(loss)


def plan(kind: Kind, names: Collection[str], *, masked: bool = False) -> tuple[Step, ...]:
    """The steps of the loss of `kind` made of the parts called `names`.

    With `masked`, a value `mask` of the shape of the targets is given beside them, zero for what is ignored.
    """
    return _plan(kind, frozenset(names), masked)


@cache
def _plan(kind: Kind, names: frozenset[str], masked: bool) -> tuple[Step, ...]:  # noqa: FBT001  (cached)
    active = [part for name, part in parts_for(kind).items() if name in names]
    writing = _Writing(kind, masked)
    writing.adjust(_of(active, "adjust"))
    for part in _of(active, "smooth"):
        writing.call(part, "log_likelihood")
    terms = _of(active, "term")
    samples = [term for term in terms if term.level == "sample"]
    if samples:
        writing.samples(samples, active)
    for term in terms:
        if term.level == "batch":
            writing.call(term, f"{term.name}_loss")
            writing.add_batch(term, first=not samples and term is terms[0])
    return tuple(writing.steps)


def _of(parts: Iterable[Part], stage: Stage) -> list[Part]:
    return [part for part in parts if part.stage == stage]


class _Writing:
    """Steps being written down, with what is known after the last of them."""

    def __init__(self, kind: Kind, masked: bool) -> None:  # noqa: FBT001
        self.kind, self.masked = kind, masked
        self.steps: list[Step] = []
        # The first step starts from logits = outputs in full precision.
        self.known = {*GIVEN, "logits", *(["mask"] if masked else [])}

    def add(self, step: Step) -> None:
        for name in step.inputs:
            if name not in self.known:
                function = QUANTITIES[self.kind][name]
                self.add(Step(name, function, inputs_of(function)))
        self.known.add(step.output)
        self.steps.append(step)

    def call(self, part: Part, output: str) -> None:
        keywords = tuple((p.name, f"{part.name}.{p.name}") for p in part.parameters)
        self.add(Step(output, part.function, inputs_of(part.function), keywords))

    def adjust(self, parts: Iterable[Part]) -> None:
        for part in parts:
            self.call(part, "logits")
            self.known -= _from_logits(self.kind)  # they describe the logits as they were

    def samples(self, terms: list[Part], active: list[Part]) -> None:
        """From the terms' losses to one number."""
        for term in terms:
            self.call(term, f"{term.name}_loss")
        weights = tuple((t.name, f"{MIX}.{t.name}") for t in terms)
        self.add(Step("loss", mixed, tuple(f"{t.name}_loss" for t in terms), weights))
        for part in _of(active, "modulate"):
            self.call(part, f"{part.name}_factor")
            self.add(Step("loss", times, ("loss", f"{part.name}_factor")))
        weighted = self.weigh(_of(active, "weight"))
        if self.kind in ("multilabel", "regression"):
            if weighted:
                self.add(Step("loss", weighted_over_labels, ("loss", "weight")))
                self.add(Step("weight", mean_over_labels, ("weight",)))
            else:
                self.add(Step("loss", mean_over_labels, ("loss",)))
        self.reduce(_of(active, "select"), _of(active, "reduce"), weighted=weighted)

    def weigh(self, parts: list[Part]) -> bool:
        """Multiply the weights into `weight`; False when there are none."""
        names = ["mask"] if self.masked else []
        for part in parts:
            self.call(part, "weight" if part is parts[0] and not names else f"{part.name}_weight")
            names.append(self.steps[-1].output)
        for name in names[1:]:
            self.add(Step("weight", times, (names[0], name)))
            names[0] = "weight"
        if names == ["mask"]:
            self.add(Step("weight", same, ("mask",)))
        return bool(names)

    def reduce(self, selections: list[Part], reductions: list[Part], *, weighted: bool) -> None:
        if (selections or reductions) and not weighted:
            self.add(Step("weight", ones, ("loss",)))
            weighted = True
        for part in selections:
            self.call(part, "weight")
        if reductions:
            self.call(reductions[-1], "loss")
        else:
            self.add(
                Step("loss", weighted_mean, ("loss", "weight")) if weighted else Step("loss", mean, ("loss",))
            )

    def add_batch(self, term: Part, *, first: bool) -> None:
        name, weight = f"{term.name}_loss", f"{MIX}.{term.name}"
        if first:
            self.add(Step("loss", mixed, (name,), ((term.name, weight),)))
        else:
            self.add(Step("loss", added, ("loss", name), (("weight", weight),)))


def same(mask: Tensor) -> Tensor:
    """The weight of each sample, where only the mask says something about it."""
    return mask


@cache
def _from_logits(kind: Kind) -> frozenset[str]:
    """The quantities that depend on the values of the logits."""
    found: set[str] = {"logits"}
    while True:
        more = {n for n, f in QUANTITIES[kind].items() if n not in OF_SHAPE and found & set(inputs_of(f))}
        if more <= found:
            return frozenset(found - {"logits"})
        found |= more


def in_full_precision(outputs: Tensor) -> Tensor:
    """Half-precision outputs as float32; float32 and float64 as they are."""
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))


def run(steps: Iterable[Step], values: dict[str, Tensor], parameters: Mapping[str, Number]) -> Tensor:
    """Take the steps, starting from `values`, and return the loss."""
    for step in steps:
        keywords = {keyword: parameters[name] for keyword, name in step.parameters}
        found = step.function(*(values[name] for name in step.inputs), **keywords)
        if isinstance(found, tuple):
            # Not `step.outputs`: what is compiled would look the property up at every call.
            values.update(zip(step.output.split(", "), found, strict=True))
        else:
            values[step.output] = found
    return values["loss"]


@dataclass(frozen=True)
class Family:
    """The losses of one kind that some parts can form, as a function of all their parameters."""

    kind: Kind
    parts: frozenset[str]

    def __call__(
        self,
        outputs: Tensor,
        targets: Tensor,
        parameters: Mapping[str, Number],
        constants: Mapping[str, Tensor],
        mask: Tensor | None = None,
    ) -> Tensor:
        """The loss of one batch, a 0-d tensor.

        `outputs` is (N, K) for multiclass, (N,) for binary and regression, (N, L) for multilabel;
        `targets` is (N,) int64 for multiclass, else floating and shaped as `outputs`. `mask`, shaped as
        the targets, is 1 where they count and 0 where they are ignored. `parameters` gives a float or a
        0-d tensor for every parameter of the parts and a `mix.TERM` weight for every term; under `vmap` they
        may be batched. No branch depends on their values.
        """
        outputs = in_full_precision(outputs)
        values: dict[str, Tensor] = {"outputs": outputs, "logits": outputs, "targets": targets}
        values |= {name: value.to(outputs.dtype) for name, value in constants.items()}
        if mask is not None:
            values["mask"] = mask.to(outputs.dtype)
        return run(plan(self.kind, self.parts, masked=mask is not None), values, parameters)
