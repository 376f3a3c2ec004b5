"""How parts are put together into one loss.

The order is the literature's: adjust the logits, smooth the targets, mix the terms, modulate each
sample, weigh and reduce. `plan` writes that order down as steps, each one a call of a pure function.
`Family` runs the steps; `losses/source.py` prints them as a readable module. So what is exported is what
was searched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import Parameter as Argument
from inspect import signature

import torch
from torch import Tensor

from .parts import Kind, Number, Part
from .quantities import QUANTITIES
from .registry import parts_for

MIX = "mix"


@dataclass(frozen=True)
class Step:
    """One line of a loss: `output = function(*inputs, **parameters)`.

    `parameters` maps the function's keyword arguments to names of the family, such as "focal.gamma".
    """

    output: str
    function: Callable[..., Tensor]
    inputs: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = ()


@cache
def inputs_of(function: Callable[..., Tensor]) -> tuple[str, ...]:
    """The quantities a function asks for: the names of its positional arguments."""
    arguments = signature(function).parameters.values()
    return tuple(a.name for a in arguments if a.kind is Argument.POSITIONAL_OR_KEYWORD)


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """sum(weight * loss) / sum(weight); 0 with zero gradient where all weights are 0."""
    total = weight.sum()
    return (weight * loss).sum() / torch.where(total > 0, total, torch.ones_like(total))


def mean(loss: Tensor) -> Tensor:
    """The plain mean over the batch."""
    return loss.mean()


def mean_over_labels(loss: Tensor) -> Tensor:
    """(N, L) to (N,): a sample's loss is the mean over its labels or target dimensions."""
    return loss.flatten(1).mean(1) if loss.dim() > 1 else loss


def plan(kind: Kind, names: Collection[str]) -> tuple[Step, ...]:
    """The steps of the loss of `kind` made of the parts called `names`."""
    return _plan(kind, frozenset(names))


@cache
def _plan(kind: Kind, names: frozenset[str]) -> tuple[Step, ...]:
    active = [part for name, part in parts_for(kind).items() if name in names]
    steps: list[Step] = []
    known = {"outputs", "targets", "class_counts", "target_scale"}

    def need(names: tuple[str, ...]) -> None:
        for name in names:
            if name not in known:
                function = QUANTITIES[kind][name]
                add(Step(name, function, inputs_of(function)))

    def add(step: Step) -> None:
        need(step.inputs)
        known.add(step.output)
        steps.append(step)

    def call(part: Part, output: str) -> None:
        keywords = tuple((p.name, f"{part.name}.{p.name}") for p in part.parameters)
        add(Step(output, part.function, inputs_of(part.function), keywords))

    stage = {name: [part for part in active if part.stage == name] for name in ("adjust", "smooth", "modulate", "weight")}
    terms = [part for part in active if part.stage == "term"]
    known.add("logits")  # `Family` and the printed module start from logits = outputs in full precision
    for part in stage["adjust"]:
        call(part, "logits")
        # What was computed from the logits so far describes the old ones; only the mask stays true.
        known -= {"target_logit", "gap", "log_p", "log_not_p", "log_p_mean"}
    for part in stage["smooth"]:
        call(part, "log_likelihood")
    for part in terms:
        call(part, f"{part.name}_loss")
    add(Step("loss", mixed, tuple(f"{t.name}_loss" for t in terms), tuple((t.name, f"{MIX}.{t.name}") for t in terms)))
    for part in stage["modulate"]:
        call(part, f"{part.name}_factor")
        add(Step("loss", times, ("loss", f"{part.name}_factor")))
    if kind in ("multilabel", "regression"):
        add(Step("loss", mean_over_labels, ("loss",)))
    for index, part in enumerate(stage["weight"]):
        call(part, "weight" if index == 0 else f"{part.name}_weight")
        if index:
            add(Step("weight", times, ("weight", f"{part.name}_weight")))
    add(Step("loss", weighted_mean, ("loss", "weight")) if stage["weight"] else Step("loss", mean, ("loss",)))
    return tuple(steps)


def mixed(*losses: Tensor, **weights: Number) -> Tensor:
    """The sum of the terms' losses, each times its weight."""
    total, *rest = (weight * loss for weight, loss in zip(weights.values(), losses, strict=True))
    for loss in rest:
        total = total + loss
    return total


def times(left: Tensor, right: Tensor) -> Tensor:
    """The product, sample by sample."""
    return left * right


def in_full_precision(outputs: Tensor) -> Tensor:
    """Half-precision outputs as float32; float32 and float64 as they are."""
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))


@dataclass(frozen=True)
class Constants:
    """What a loss takes from the training data: class counts (K,), the spread of the target."""

    class_counts: Tensor | None = None
    target_scale: Tensor | None = None

    def as_mapping(self) -> dict[str, Tensor]:
        """The constants that are known, by the name under which parts ask for them."""
        given = {"class_counts": self.class_counts, "target_scale": self.target_scale}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Family:
    """The losses of one kind that some parts can form, as a function of all their parameters."""

    kind: Kind
    parts: frozenset[str]

    def __call__(
        self, outputs: Tensor, targets: Tensor, parameters: Mapping[str, Number], constants: Mapping[str, Tensor]
    ) -> Tensor:
        """The loss of one batch, a 0-d tensor.

        `outputs` is (N, K) for multiclass, (N,) for binary and regression, (N, L) for multilabel;
        `targets` is (N,) int64 for multiclass, else floating and shaped as `outputs`. `parameters` gives
        a float or a 0-d tensor for every parameter of the parts and a `mix.TERM` weight for every term;
        under `vmap` they may be batched. No branch depends on their values.
        """
        outputs = in_full_precision(outputs)
        values: dict[str, Tensor] = {"outputs": outputs, "logits": outputs, "targets": targets}
        values |= {name: value.to(outputs.dtype) for name, value in constants.items()}
        for step in plan(self.kind, self.parts):
            keywords = {keyword: parameters[name] for keyword, name in step.parameters}
            values[step.output] = step.function(*(values[name] for name in step.inputs), **keywords)
        return values["loss"]
