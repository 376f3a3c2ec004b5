"""The losses of a program's members, evaluated together.

One family serves all members: the union of the parts of all. A step of it is taken for those members alone
whose loss needs it, so that a member pays for its own parts, and a rare costly part costs little. On small
models the losses are most of the work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from ..family import steps
from ..family.inputs import shaped
from ..kinds import Kind, kind_named
from ..spec.loss_spec import LossSpec
from .acts import Act, acts


class StackedLoss:
    """The losses of M members; groups of them, of equal size and one after another, share their data.

    Args:
        kind: The losses' kind of problem.
        specs: Every member's loss.
        dtype: What losses are computed in.
        constants: What is known of each group's training data, by name: `class_counts` or `target_scale`.
        device: Where outputs and targets will be.
    """

    def __init__(
        self,
        kind: Kind,
        specs: Sequence[LossSpec],
        dtype: torch.dtype,
        constants: Sequence[Mapping[str, Tensor]],
        device: torch.device | None = None,
    ) -> None:
        self._kind, self._members, self._groups = kind_named(kind), len(specs), len(constants)
        self._two_outputs = any("gaussian_nll" in spec.parts for spec in specs)
        quantities = self._kind.quantities.items()
        # What members that share their data share: these read the logits for their shape alone.
        of_targets = frozenset({"targets", *(name for name, quantity in quantities if quantity.of_shape)})
        shared = of_targets if self._groups == 1 else frozenset[str]()
        self._known: dict[str, Tensor] = {}
        for name in constants[0]:
            each = torch.stack([known[name] for known in constants]).to(device, dtype)
            alike = bool((each == each[0]).all())
            self._known[name] = each[0] if alike else each.repeat_interleave(len(specs) // self._groups, 0)
            shared |= {name} if alike else set()
        self._acts = list(acts(kind, specs, shared, frozenset(self._known), dtype, device))
        settled = [a for a in self._acts if self._known.keys() >= {*a.step.inputs} and not a.numbers]
        for act in settled:  # what comes of them is the same for every batch
            self._take(act, self._known)
            self._acts.remove(act)

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The sum of every member's loss, (): its gradient is each member's own.

        Args:
            outputs: (M, N, ...).
            targets: (groups, N, ...).
        """
        return self.each(outputs, targets).sum()

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Every member's loss, (M,), of the same arguments."""
        values = self._given(outputs, targets)
        for act in self._acts:
            self._take(act, values)
        return values["loss"]

    def _given(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        outputs = steps.in_full_precision(outputs)
        size = self._members // self._groups
        targets = targets[0] if self._groups == 1 else targets.repeat_interleave(size, 0)
        if self._kind.target != "class" or outputs.dim() > 3:
            axis: Any = None if self._groups == 1 else 0  # which `out_dims` may be, though its type says not
            outputs, targets = vmap(
                lambda o, t: shaped(self._kind.name, o, t, two_outputs=self._two_outputs),
                in_dims=(0, axis),
                out_dims=(0, axis),
            )(outputs, targets)
        return {**self._known, "outputs": outputs, "logits": outputs, "targets": targets}

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
        values[output] = found if act.places is None else values[output].index_copy(0, act.places, found)


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
