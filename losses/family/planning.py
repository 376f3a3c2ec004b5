"""How parts are put together into one loss.

The order is the literature's: adjust the logits, smooth the targets, mix the terms, modulate each
sample, weigh, select and reduce, add what is computed per batch. `plan` writes that order down as steps,
each one a call of a pure function. `Family` runs the steps; `losses/frozen/source_code.py` prints them as a
readable module. So what is exported is what was searched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache

from torch import Tensor

from ..declarations import Part, Stage
from ..kinds import Kind, Quantity, kind_named
from .registry import parts_for
from .steps import (
    MIX,
    Step,
    added,
    inputs_of,
    mean,
    mean_over_labels,
    mixed,
    ones,
    same,
    times,
    weighted_mean,
    weighted_over_labels,
)

GIVEN = ("outputs", "targets", "class_counts", "target_scale")


def plan(
    kind: Kind, names: Collection[str], *, masked: bool = False, members: bool = False
) -> tuple[Step, ...]:
    """The steps of the loss of a kind that is made of some parts.

    Args:
        kind: The kind of problem.
        names: The names of the parts.
        masked: Whether a value `mask` of the shape of the targets is given: how much each counts.
        members: Whether formulas are replaced by what stands in for them where many losses are evaluated at
            once (`Fast.members`).
    """
    active = [(name, part.function) for name, part in parts_for(kind).items() if name in names]
    return _plan(kind, tuple(active), masked, members)


@cache
def _plan(
    kind: Kind,
    named: tuple[tuple[str, Callable[..., Tensor]], ...],  # a name may be given to another function
    masked: bool,  # noqa: FBT001
    members: bool,  # noqa: FBT001
) -> tuple[Step, ...]:
    active = [parts_for(kind)[name] for name, _ in named]
    writing = _Writing(kind, masked, members)
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

    def __init__(self, kind: Kind, masked: bool, members: bool) -> None:  # noqa: FBT001
        self.kind, self.masked, self.members = kind_named(kind), masked, members
        self.steps: list[Step] = []
        # The first step starts from logits = outputs in full precision.
        self.known = {*GIVEN, "logits", *(["mask"] if masked else [])}

    def add(self, step: Step) -> None:
        for name in step.inputs:
            if name not in self.known:
                function = self.formula(self.kind.quantities[name])
                self.add(Step((name,), function, inputs_of(function)))
        self.known |= {*step.outputs}
        self.steps.append(step)

    def call(self, part: Part, output: str) -> None:
        keywords = tuple((p.name, f"{part.name}.{p.name}") for p in part.parameters)
        function = self.formula(part)
        self.add(Step((output,), function, inputs_of(function), keywords))

    def formula(self, of: Part | Quantity) -> Callable[..., Tensor]:
        """The plain one, or what stands in for it."""
        return (self.members and of.fast.members) or of.function

    def adjust(self, parts: Iterable[Part]) -> None:
        for part in parts:
            self.call(part, "logits")
            self.known -= _from_logits(self.kind.name)  # they describe the logits as they were

    def samples(self, terms: list[Part], active: list[Part]) -> None:
        """From the terms' losses to one number."""
        for term in terms:
            self.call(term, f"{term.name}_loss")
        weights = tuple((t.name, f"{MIX}.{t.name}") for t in terms)
        self.add(Step(("loss",), mixed, tuple(f"{t.name}_loss" for t in terms), weights))
        for part in _of(active, "modulate"):
            self.call(part, f"{part.name}_factor")
            self.add(Step(("loss",), times, ("loss", f"{part.name}_factor")))
        weighted = self.weigh(_of(active, "weight"))
        if self.kind.several:
            if weighted:
                self.add(Step(("loss",), weighted_over_labels, ("loss", "weight")))
                self.add(Step(("weight",), mean_over_labels, ("weight",)))
            else:
                self.add(Step(("loss",), mean_over_labels, ("loss",)))
        self.reduce(_of(active, "select"), _of(active, "reduce"), weighted=weighted)

    def weigh(self, parts: list[Part]) -> bool:
        """Multiply the weights into `weight`; False when there are none."""
        names = ["mask"] if self.masked else []
        for part in parts:
            self.call(part, "weight" if part is parts[0] and not names else f"{part.name}_weight")
            names.append(self.steps[-1].outputs[0])
        for name in names[1:]:
            self.add(Step(("weight",), times, (names[0], name)))
            names[0] = "weight"
        if names == ["mask"]:
            self.add(Step(("weight",), same, ("mask",)))
        return bool(names)

    def reduce(self, selections: list[Part], reductions: list[Part], *, weighted: bool) -> None:
        if (selections or reductions) and not weighted:
            self.add(Step(("weight",), ones, ("loss",)))
            weighted = True
        for part in selections:
            self.call(part, "weight")
        if reductions:
            self.call(reductions[-1], "loss")
        else:
            self.add(
                Step(("loss",), weighted_mean, ("loss", "weight"))
                if weighted
                else Step(("loss",), mean, ("loss",))
            )

    def add_batch(self, term: Part, *, first: bool) -> None:
        name, weight = f"{term.name}_loss", f"{MIX}.{term.name}"
        if first:
            self.add(Step(("loss",), mixed, (name,), ((term.name, weight),)))
        else:
            self.add(Step(("loss",), added, ("loss", name), (("weight", weight),)))


@cache
def _from_logits(kind: Kind) -> frozenset[str]:
    """The quantities that depend on the values of the logits."""
    quantities = kind_named(kind).quantities
    found: set[str] = {"logits"}
    while True:
        more = {n for n, q in quantities.items() if not q.of_shape and found & set(inputs_of(q.function))}
        if more <= found:
            return frozenset(found - {"logits"})
        found |= more
