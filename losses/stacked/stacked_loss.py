"""The losses of a program's members, evaluated together.

One family serves all members: the union of the parts of all. A step of it is taken for those members alone
whose loss needs it, so that a member pays for its own parts, and a rare costly part costs little. On small
models the losses are most of the work.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from ..family import ignored, shaped, steps, weighed
from ..kinds import Kind, kind_named
from ..spec import LossSpec
from .acts import Act, acts


class StackedLoss:
    """The losses of M members; groups of them, of equal size and one after another, share their data.

    Args:
        kind: The losses' kind of problem.
        specs: Every member's loss.
        dtype: What losses are computed in.
        constants: What is known of each group's training data, by name: `class_counts` or `target_scale`.
        device: Where outputs and targets will be.
        ignoring: The target that does not count, or NaN; None where all count.
    """

    def __init__(
        self,
        kind: Kind,
        specs: Sequence[LossSpec],
        dtype: torch.dtype,
        constants: Sequence[Mapping[str, Tensor]],
        device: torch.device | None = None,
        ignoring: float | None = None,
    ) -> None:
        self._kind, self._members, self._groups = kind_named(kind), len(specs), len(constants)
        self._two_outputs = any("gaussian_nll" in spec.parts for spec in specs)
        quantities = self._kind.quantities.items()
        # What members that share their data share: these read the logits for their shape alone.
        of_targets = frozenset({"targets", *(name for name, quantity in quantities if quantity.of_shape)})
        shared = of_targets if self._groups == 1 else frozenset[str]()
        self._known: dict[str, Tensor] = {}
        for name in constants[0]:
            each = torch.stack([known[name] for known in constants])
            alike = bool((each == each[0]).all())
            each = each.to(device, dtype)
            self._known[name] = each[0] if alike else each.repeat_interleave(len(specs) // self._groups, 0)
            shared |= {name} if alike else set()
        self._specs, self._shared, self._dtype, self._device = specs, shared, dtype, device
        self._data = frozenset(self._known)
        self._ignoring = () if ignoring is None else (None if math.isnan(ignoring) else int(ignoring),)
        self._programs: dict[bool, list[Act]] = {}

    def __call__(self, outputs: Tensor, targets: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """The sum of every member's loss, (): its gradient is each member's own.

        Args:
            outputs: (M, N, ...).
            targets: (groups, N, ...).
            sample_weight: How much each sample counts, (groups, N); None for alike.
        """
        return self.each(outputs, targets, sample_weight).sum()

    def each(self, outputs: Tensor, targets: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Every member's loss, (M,).

        Args:
            outputs: (M, N, ...).
            targets: (groups, N, ...).
            sample_weight: How much each sample counts, (groups, N); None for alike.
        """
        left = self._acts(masked=bool(self._ignoring) or sample_weight is not None)
        values = self._given(outputs, targets, sample_weight)
        for act in left:
            self._take(act, values)
        return values["loss"]

    def _acts(self, *, masked: bool) -> list[Act]:
        """What has to be done for every batch."""
        found = self._programs.get(masked)
        if found is None:
            found, given = [], (self._shared, self._data, self._dtype, self._device)
            for act in acts(self._kind.name, self._specs, *given, masked=masked):
                if self._known.keys() >= {*act.step.inputs} and not act.numbers:
                    self._take(act, self._known)  # what comes of it is the same for every batch
                else:
                    found.append(act)
            self._programs[masked] = found
        return found

    def _given(self, outputs: Tensor, targets: Tensor, sample_weight: Tensor | None) -> dict[str, Tensor]:
        outputs, size = steps.in_full_precision(outputs), self._members // self._groups

        def of_members(values: Tensor) -> Tensor:
            return values[0] if self._groups == 1 else values.repeat_interleave(size, 0)

        targets = of_members(targets)
        weight = None if sample_weight is None else of_members(sample_weight)
        mask = None
        if self._kind.target != "class" or outputs.dim() > 3 or self._ignoring or weight is not None:
            axis: Any = None if self._groups == 1 else 0  # which `out_dims` may be, though its type says not
            given = (outputs, targets) if weight is None else (outputs, targets, weight)
            masked = self._ignoring or weight is not None
            outputs, targets, *rest = vmap(
                self._entered,
                in_dims=(0, axis, axis)[: len(given)],
                out_dims=(0, axis, axis) if masked else (0, axis),
            )(*given)
            mask = rest[0] if rest else None
        values = {**self._known, "outputs": outputs, "logits": outputs, "targets": targets}
        return values if mask is None else values | {"mask": mask}

    def _entered(self, outputs: Tensor, targets: Tensor, weight: Tensor | None = None) -> tuple[Tensor, ...]:
        """One member's outputs and targets in shape, and its mask where there is one."""
        outputs, targets = shaped(self._kind.name, outputs, targets, two_outputs=self._two_outputs)
        mask = None
        for index in self._ignoring:
            outputs, targets, mask = ignored(outputs, targets, index)
        if weight is not None:
            outputs, mask = weighed(outputs, targets, weight, mask)
        return (outputs, targets) if mask is None else (outputs, targets, mask)

    @staticmethod
    def _take(act: Act, values: dict[str, Tensor]) -> None:
        (output,) = act.step.outputs
        if act.step.function is steps.added:  # one or two for each term
            values[output] = _added(act, values)
            return
        found = act.taken(
            [
                values[name] if rows is None else _rows(values[name], rows)
                for name, rows in zip(act.step.inputs, act.rows, strict=True)
            ]
        )
        if act.places is not None:
            before = values[output]
            before = before if act.spread is None else before.expand(act.spread, *before.shape)
            found = before.index_copy(0, act.places, found)
        values[output] = found


def _added(act: Act, values: Mapping[str, Tensor]) -> Tensor:
    """The loss with a weighted loss added for those members that have it."""
    (_, name), (_, rows) = act.step.inputs, act.rows
    other = values[name] if rows is None else _rows(values[name], rows)
    weighted = other * act.numbers["weight"].view(-1, *[1] * (other.dim() - 1))
    loss = values[act.step.outputs[0]]
    return loss + weighted if act.places is None else loss.index_add(0, act.places, weighted)


def _rows(value: Tensor, rows: Tensor) -> Tensor:
    """Some of the members' values, laid out in memory as they were."""
    if value.dim() > 2 and value.stride(-1) > value.stride(-2):
        return value.mT.index_select(0, rows).mT
    return value.index_select(0, rows)
