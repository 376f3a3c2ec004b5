"""The losses of a program's members, evaluated together.

One family serves all members: the union of the parts of all. A step of it is taken for those members alone
whose loss needs it, so that a member pays for its own parts, and a rare costly part costs little. On small
models the losses are most of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from .. import Kind, LossSpec
from ..family import quantities, steps
from ..family.inputs import shaped
from ..family.plan import plan
from ..family.registry import parts_for
from ..family.steps import MIX, Step
from ..kernels import stacked_gap, stacked_terms
from ..terms.adjust.margin import margin
from ..terms.classification.bi_tempered import bi_tempered
from ..terms.classification.multi_margin import multi_margin
from .broadcast import mean, together, weighted_mean

_FASTER: dict[Callable[..., Tensor], Callable[..., Tensor]] = {
    quantities.is_target: stacked_gap.is_target,
    quantities.gap_multiclass: stacked_gap.gap,
    quantities.log_p_mean_multiclass: stacked_gap.log_p_mean,
    quantities.entropy_multiclass: stacked_gap.entropy,
    margin: stacked_terms.margin,
    multi_margin: stacked_terms.multi_margin,
    bi_tempered: stacked_terms.bi_tempered,
    steps.mean: mean,
    steps.weighted_mean: weighted_mean,
}
# What members that share their data share; they read the logits for their shape alone.
_OF_TARGETS = frozenset({"targets", *quantities.OF_SHAPE})


class StackedLoss:
    """The losses that `specs` describe, one for each member; `groups` of equal size share their data.

    `constants` are what is known of the data, one mapping for each group.
    """

    def __init__(
        self,
        kind: Kind,
        specs: Sequence[LossSpec],
        dtype: torch.dtype,
        constants: Sequence[Mapping[str, Tensor]],
        device: torch.device | None = None,
    ) -> None:
        self._kind, self._members, self._groups = kind, len(specs), len(constants)
        self._two_outputs = any("gaussian_nll" in spec.parts for spec in specs)
        shared = _OF_TARGETS if self._groups == 1 else frozenset[str]()
        self._known: dict[str, Tensor] = {}
        for name in constants[0]:
            each = torch.stack([known[name] for known in constants]).to(device, dtype)
            alike = bool((each == each[0]).all())
            self._known[name] = each[0] if alike else each.repeat_interleave(len(specs) // self._groups, 0)
            shared |= {name} if alike else set()
        self._acts = list(_acts(kind, specs, shared, dtype, device))
        settled = [a for a in self._acts if self._known.keys() >= {*a.step.inputs} and not a.numbers]
        for act in settled:  # what comes of them is the same for every batch
            self._take(act, self._known)
            self._acts.remove(act)

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The sum of every member's loss: its gradient is each member's own.

        `outputs` are (M, N, ...), `targets` (groups, N, ...).
        """
        values = self._given(outputs, targets)
        for act in self._acts:
            self._take(act, values)
        return values["loss"].sum()

    def _given(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        outputs = steps.in_full_precision(outputs)
        size = self._members // self._groups
        targets = targets[0] if self._groups == 1 else targets.repeat_interleave(size, 0)
        if self._kind != "multiclass" or outputs.dim() > 3:
            axis: Any = None if self._groups == 1 else 0  # which `out_dims` may be, though its type says not
            outputs, targets = vmap(
                lambda o, t: shaped(self._kind, o, t, two_outputs=self._two_outputs),
                in_dims=(0, axis),
                out_dims=(0, axis),
            )(outputs, targets)
        return {**self._known, "outputs": outputs, "logits": outputs, "targets": targets}

    @staticmethod
    def _take(act: _Act, values: dict[str, Tensor]) -> None:
        function, output = act.step.function, act.step.output
        if function is steps.added:  # one or two for each term
            values[output] = _added(act, values)
            return
        inputs = [
            values[name] if rows is None else _rows(values[name], rows)
            for name, rows in zip(act.step.inputs, act.rows, strict=True)
        ]
        if act.shared:
            found = function(*(v if alone else v[0] for v, alone in zip(inputs, act.alone, strict=True)))
        else:
            found = together(function, inputs, act.alone, act.numbers, act.count)
        values[output] = found if act.places is None else values[output].index_copy(0, act.places, found)


def _added(act: _Act, values: Mapping[str, Tensor]) -> Tensor:
    """The loss with a weighted loss added for those members that have it."""
    (_, name), (_, rows) = act.step.inputs, act.rows
    other = values[name] if rows is None else _rows(values[name], rows)
    weighted = other * act.numbers["weight"].view(-1, *[1] * (other.dim() - 1))
    loss = values[act.step.output]
    return loss + weighted if act.places is None else loss.index_add(0, act.places, weighted)


def _rows(value: Tensor, rows: Tensor) -> Tensor:
    """Some of the members' values, laid out in memory as they were."""
    if value.dim() > 2 and value.stride(-1) > value.stride(-2):
        return value.mT.index_select(0, rows).mT
    return value.index_select(0, rows)


@dataclass(frozen=True, eq=False)
class _Act:
    """A step as `count` members take it, from `rows` of each of its inputs (None: as they are).

    Where `places` are given, it replaces those rows of what `step.output` was. `numbers` are its
    parameters, (count,) each. `alone` marks the inputs that all members share; what comes of nothing
    else is `shared` too.
    """

    step: Step
    count: int
    shared: bool
    alone: tuple[bool, ...]
    rows: tuple[Tensor | None, ...]
    places: Tensor | None
    numbers: dict[str, Tensor]


def _acts(
    kind: Kind,
    specs: Sequence[LossSpec],
    shared: frozenset[str],
    dtype: torch.dtype,
    device: torch.device | None,
) -> Iterator[_Act]:
    """The steps of these losses in turn, each with the members that take it."""
    names = frozenset[str]().union(*(spec.parts for spec in specs))
    everyone = torch.ones(len(specs), dtype=torch.bool)
    steps = list(_by_part(kind, names))
    held: dict[str, Tensor] = {}
    off = _switched_off(kind, names)

    def rows(name: str, members: Tensor) -> Tensor | None:
        """Where the members stand among those that hold a value."""
        holders = held.get(name, everyone)
        if name in shared or torch.equal(holders, members):
            return None
        return (holders.cumsum(0) - 1)[members].to(device)

    for (step, part), members in zip(steps, _takers(steps, specs), strict=True):
        if not bool(members.any()):
            continue
        if part is None and not step.parameters and shared.issuperset(step.inputs):
            shared |= {step.output}
        chosen = [spec.parameters for spec, takes in zip(specs, members.tolist(), strict=True) if takes]
        yield _Act(
            step,
            len(chosen),
            step.output in shared,
            tuple(name in shared for name in step.inputs),
            tuple(None if step.output in shared else rows(name, members) for name in step.inputs),
            None if part is None else rows(step.output, members),
            {
                keyword: torch.tensor([c.get(name, off[name]) for c in chosen], dtype=dtype, device=device)
                for keyword, name in step.parameters
            },
        )
        if part is None:
            held[step.output] = members


def _takers(steps: Sequence[tuple[Step, str | None]], specs: Sequence[LossSpec]) -> Sequence[Tensor]:
    """For each step the members that take it, as truth values: those of whose loss it is a part."""
    needed = {"loss": torch.ones(len(specs), dtype=torch.bool)}
    nobody = torch.zeros(len(specs), dtype=torch.bool)
    found = []
    for step, part in reversed(steps):
        wanted = needed.pop(step.output, nobody)
        if part is not None:
            needed[step.output] = wanted  # the others' value is what it was
            wanted = wanted & torch.tensor([part in spec.parts for spec in specs])
        elif not step.parameters and 2 * int(wanted.sum()) > len(specs):
            wanted = ~nobody  # to leave some out would cost more
        for name in step.inputs:
            needed[name] = needed.get(name, nobody) | wanted
        found.append(wanted)
    return found[::-1]


def _by_part(kind: Kind, names: frozenset[str]) -> Iterator[tuple[Step, str | None]]:
    """The steps, and of those that change a value in place the part whose members alone they are for."""
    parts = {part.function: part for name, part in parts_for(kind).items() if name in names}
    factors = {f"{name}_factor": name for name in names}
    known: set[str] = set()
    for planned in plan(kind, names):
        step = _faster(planned)
        part = parts.get(planned.function)
        owner = part.name if part is not None and part.stage in ("smooth", "select") else None
        if step.function is steps.mixed:
            terms = [weight.removeprefix(f"{MIX}.") for _, weight in step.parameters]
            by_sample = parts_for(kind)[terms[0]].level == "sample"
            yield Step("loss", _no_loss if by_sample else _no_loss_of_batch, ("outputs", "targets")), None
            for term, loss in zip(terms, step.inputs, strict=True):
                yield Step("loss", steps.added, ("loss", loss), (("weight", f"{MIX}.{term}"),)), term
            continue
        if step.function is steps.added:
            owner = step.parameters[0][1].removeprefix(f"{MIX}.")
        elif step.function is steps.times:
            owner = factors.get(step.inputs[1])
        if owner is not None and step.output not in known and step.output in quantities.QUANTITIES[kind]:
            plain = quantities.QUANTITIES[kind][step.output]  # of the members that do not change it
            yield Step(step.output, plain, steps.inputs_of(plain)), None
        known.add(step.output)
        if step.function is stacked_gap.gap:
            both = stacked_gap.gap_and_lag
            yield Step(both.__name__, both, steps.inputs_of(both)), None
        yield step, owner


def _faster(step: Step) -> Step:
    function = _FASTER.get(step.function)
    if function is None:
        return step
    return Step(step.output, function, steps.inputs_of(function), step.parameters)


def _no_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """What the terms of every sample are added to, of the shape of the targets."""
    return torch.zeros_like(targets, dtype=outputs.dtype)


def _no_loss_of_batch(outputs: Tensor, targets: Tensor) -> Tensor:
    """What the terms of a batch are added to, ()."""
    return torch.zeros_like(targets.sum(), dtype=outputs.dtype)


def _switched_off(kind: Kind, names: frozenset[str]) -> dict[str, float]:
    """The parameters of a member that does without the parts."""
    off: dict[str, float] = {}
    for name in names:
        part = parts_for(kind)[name]
        off[f"{MIX}.{name}"] = 0.0
        off |= {f"{name}.{p.name}": p.default if p.neutral is None else p.neutral for p in part.parameters}
    return off
