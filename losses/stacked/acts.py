"""The steps of many losses in turn, each with the members that take it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..family import MIX, Step, formulas, parts_for, plan, steps
from ..kinds import Kind, kind_named
from ..spec import LossSpec
from .broadcast import (
    BROADCASTING,
    OF_MEMBERS,
    Function,
    Given,
    Way,
    as_they_are,
    expanded,
    mapped,
    no_loss,
    no_loss_of_batch,
)


@dataclass(frozen=True, eq=False)
class Act:
    """A step as `count` members take it, from `rows` of each of its inputs (None: as they are).

    Attributes:
        step: The step.
        count: How many members take it.
        shared: Whether it comes of nothing that members have of their own.
        given: What each input is.
        rows: Where the members stand among those that hold an input; None where they are the same.
        places: The rows of the earlier value of what the step computes that it replaces; None for all.
        spread: To how many members that earlier value is spread, where all share it.
        numbers: The members' parameters by keyword, (count,) each.
        function: What the step computes, or what stands in for it where members come first.
        way: How the function is called for all of them.
    """

    step: Step
    count: int
    shared: bool
    given: tuple[Given, ...]
    rows: tuple[Tensor | None, ...]
    places: Tensor | None
    spread: int | None
    numbers: dict[str, Tensor]
    function: Function
    way: Way

    def taken(self, inputs: Sequence[Tensor]) -> Tensor:
        """What the step computes of the inputs of those who take it."""
        if self.shared:
            own = (v if how.shared else v[0] for v, how in zip(inputs, self.given, strict=True))
            found: Tensor = self.step.function(*own)
            return found
        return self.way(self.function, inputs, self.given, self.numbers, self.count)


def acts(
    kind: Kind,
    specs: Sequence[LossSpec],
    shared: frozenset[str],
    data: frozenset[str],
    dtype: torch.dtype,
    device: torch.device | None,
    *,
    masked: bool,
) -> Iterator[Act]:
    """The steps of these losses in turn, each with the members that take it.

    Args:
        kind: The losses' kind of problem.
        specs: Every member's loss.
        shared: The names of given values that all members share.
        data: The names of those that are known of the training data.
        dtype: Of the parameters.
        device: Of the parameters and the rows.
        masked: Whether targets do not count alike: then `mask` is a given value.
    """
    names = frozenset[str]().union(*(spec.parts for spec in specs))
    everyone = torch.ones(len(specs), dtype=torch.bool)
    planned = list(_by_part(kind, names, masked=masked))
    held: dict[str, Tensor] = {}
    off = _switched_off(kind, names)
    ways = _ways(kind)

    def rows(name: str, members: Tensor) -> Tensor | None:
        """Where the members stand among those that hold a value."""
        holders = held.get(name, everyone)
        return None if torch.equal(holders, members) else (holders.cumsum(0) - 1)[members].to(device)

    def given(name: str) -> Given:
        if name in data:
            return Given.SHARED_DATA if name in shared else Given.DATA
        return Given.SHARED if name in shared else Given.EACH

    of_shape = shared  # whatever these are computed from
    for (step, part), members in zip(planned, _takers(planned, specs), strict=True):
        if not bool(members.any()):
            continue
        (output,) = step.outputs
        plain = part is None and not step.parameters
        common = plain and (output in of_shape or shared.issuperset(step.inputs))
        chosen = [spec.parameters for spec, takes in zip(specs, members.tolist(), strict=True) if takes]
        yield Act(
            step,
            len(chosen),
            common,
            tuple(given(name) for name in step.inputs),
            tuple(None if common or name in shared else rows(name, members) for name in step.inputs),
            None if part is None else rows(output, members),
            len(specs) if part is not None and output in shared else None,
            {
                keyword: torch.tensor([c.get(name, off[name]) for c in chosen], dtype=dtype, device=device)
                for keyword, name in step.parameters
            },
            *ways.get(step.function, (step.function, mapped)),
        )
        shared = shared | {output} if common else shared - {output}
        data |= {output} if plain and step.inputs and data.issuperset(step.inputs) else set()
        if part is None:
            held[output] = members


def _ways(kind: Kind) -> dict[Function, tuple[Function, Way]]:
    """How each function of a loss is called for all members; by `vmap` what is not among them."""
    ways: dict[Function, tuple[Function, Way]] = {no_loss: (no_loss, expanded)}
    ways |= {plain: (plain, as_they_are) for plain in BROADCASTING}
    ways |= {plain: (function, as_they_are) for plain, function in OF_MEMBERS.items()}
    for part in parts_for(kind).values():
        if part.broadcasts:
            ways[part.function] = (part.function, as_they_are)
    for quantity in kind_named(kind).quantities.values():
        if quantity.broadcasts:
            ways[quantity.function] = (quantity.function, expanded if quantity.expands else as_they_are)
    for formula in formulas(kind):
        if formula.fast.members is not None:
            ways[formula.fast.members] = (formula.fast.members, as_they_are)
    return ways


def _takers(planned: Sequence[tuple[Step, str | None]], specs: Sequence[LossSpec]) -> Sequence[Tensor]:
    """For each step the members that take it, as truth values: those of whose loss it is a part."""
    needed = {"loss": torch.ones(len(specs), dtype=torch.bool)}
    nobody = torch.zeros(len(specs), dtype=torch.bool)
    parts = [spec.parts for spec in specs]
    found = []
    for step, part in reversed(planned):
        wanted = needed.pop(step.outputs[0], nobody)
        if part is not None:
            needed[step.outputs[0]] = wanted  # the others' value is what it was
            wanted = wanted & torch.tensor([part in names for names in parts])
        elif not step.parameters and 2 * int(wanted.sum()) > len(specs):
            wanted = ~nobody  # to leave some out would cost more
        for name in step.inputs:
            needed[name] = needed.get(name, nobody) | wanted
        found.append(wanted)
    return found[::-1]


def _by_part(kind: Kind, names: frozenset[str], *, masked: bool) -> Iterator[tuple[Step, str | None]]:
    """The steps, and of those that change a value in place the part whose members alone they are for."""
    serving, quantities = parts_for(kind), kind_named(kind).quantities
    parts = {
        function: serving[n] for n in names for function in (serving[n].function, serving[n].fast.members)
    }
    factors = {f"{name}_factor": name for name in names}
    known: set[str] = set()
    for step in plan(kind, names, masked=masked, members=True):
        (output,) = step.outputs
        part = parts.get(step.function)
        owner = part.name if part is not None and part.stage in ("smooth", "select") else None
        if step.function is steps.mixed:
            terms = [weight.removeprefix(f"{MIX}.") for _, weight in step.parameters]
            start = no_loss if serving[terms[0]].level == "sample" else no_loss_of_batch
            yield Step(("loss",), start, steps.inputs_of(start)), None
            for term, loss in zip(terms, step.inputs, strict=True):
                yield Step(("loss",), steps.added, ("loss", loss), (("weight", f"{MIX}.{term}"),)), term
            continue
        if step.function is steps.added:
            owner = step.parameters[0][1].removeprefix(f"{MIX}.")
        elif step.function is steps.times:
            owner = factors.get(step.inputs[1])
        if owner is not None and output not in known and output in quantities:
            plain = quantities[output].function  # of the members that do not change it
            yield Step((output,), plain, steps.inputs_of(plain)), None
        known.add(output)
        yield step, owner


def _switched_off(kind: Kind, names: frozenset[str]) -> dict[str, float]:
    """The parameters of a member that does without the parts."""
    off: dict[str, float] = {}
    for name in names:
        part = parts_for(kind)[name]
        off[f"{MIX}.{name}"] = 0.0
        off |= {f"{name}.{p.name}": p.default if p.neutral is None else p.neutral for p in part.parameters}
    return off
