"""A loss with its numbers filled in: an `nn.Module` for a training script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from ..declarations import Kind
from ..errors import UserError
from ..family.fusing import fused
from ..family.inputs import ignored, shaped
from ..family.plan import plan
from ..family.steps import Step, in_full_precision, run
from ..kinds import kind_named
from ..spec.loss_spec import BoundLoss, LossSpec

_NEEDS = {
    "class_counts": "the training samples of each class; bind them with spec.bind(class_counts=[...])",
    "target_scale": "the spread of the training targets; bind it with spec.bind(target_scale=...)",
}


def constants_read(spec: LossSpec) -> tuple[str, ...]:
    """The constants of the training data that this loss reads."""
    return _constants_read(spec.kind, spec.parts)


@cache
def _constants_read(kind: Kind, parts: frozenset[str]) -> tuple[str, ...]:
    inputs = {name for step in plan(kind, parts) for name in step.inputs}
    return tuple(name for name in _NEEDS if name in inputs)


@dataclass(frozen=True)
class Folded:
    """What a frozen loss consists of: tensors that depend on the class counts alone, a scale, and steps.

    `buffers` hold what the steps read and the class counts determine, computed in float64 (the counts
    themselves are integers). `scale` is the spread of the target, where a step reads it.
    """

    buffers: dict[str, Tensor]
    scale: float | None
    steps: tuple[Step, ...]


def folded(spec: BoundLoss) -> Folded:
    """The loss with every step taken in advance that depends on the training set alone.

    Raises `UserError` when the loss reads a constant that the spec is not bound to.
    """
    for name in constants_read(spec):
        if getattr(spec, name) is None:
            raise UserError(f"this loss reads {name}, which is not set: it is {_NEEDS[name]}")
    known: dict[str, Tensor] = {}
    if spec.class_counts is not None:
        known["class_counts"] = torch.tensor(spec.class_counts)
    steps = []
    for step in plan(spec.kind, spec.parts, masked=spec.masked):
        if step.inputs and not step.parameters and known.keys() >= set(step.inputs):
            inputs = (known[name].double() for name in step.inputs)
            known[step.outputs[0]] = step.function(*inputs)
        else:
            steps.append(step)
    read = {name for step in steps for name in step.inputs}
    buffers = {name: value for name, value in known.items() if name in read}
    return Folded(buffers, spec.target_scale if "target_scale" in read else None, tuple(steps))


class FrozenLoss(nn.Module):
    """The loss a spec describes, on `(outputs, targets)`; see `shaped` for their shapes.

    Stateless but for what the class counts determine, which `state_dict` carries. Half-precision outputs
    are computed in float32; converting the module to another dtype leaves its constants as they are, for
    they would lose digits. On a CPU, targets that are no class or neither 0 nor 1 raise `UserError`; on a
    GPU looking at them would stop it, so only shapes and dtypes are checked there.
    """

    def __init__(self, spec: LossSpec) -> None:
        super().__init__()
        self.spec = spec = spec.bind()
        content = folded(spec)
        self._steps, self._plain, self._scale = fused(spec.kind, content.steps), content.steps, content.scale
        self._names = tuple(content.buffers)
        self._two_outputs = "gaussian_nll" in spec.parts
        for name, value in content.buffers.items():
            self.register_buffer(name, value)
            self.register_buffer(_single(name), value.float(), persistent=False)
        self.register_load_state_dict_post_hook(_round)  # type: ignore[no-untyped-call]

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of one batch, a 0-d tensor with gradient to `outputs`."""
        spec = self.spec
        outputs, targets = shaped(spec.kind, outputs, targets, two_outputs=self._two_outputs)
        steps = self._steps
        if torch.compiler.is_exporting():
            steps = self._plain  # an exported graph is differentiated operation by operation
        elif not torch.compiler.is_compiling():
            check_counts(spec, outputs)
            if torch._C._are_functorch_transforms_active():  # noqa: SLF001  (there is no public way to ask)
                steps = self._plain  # which has forward-mode derivatives too; values cannot be looked at
            else:
                check_values(spec, outputs, targets)
        outputs = in_full_precision(outputs)
        values: dict[str, Any] = {}
        if spec.masked:
            outputs, targets, values["mask"] = ignored(outputs, targets, spec.ignore_index)
        values |= {"outputs": outputs, "logits": outputs, "targets": targets, "target_scale": self._scale}
        # To convert them here would be done again for every sample by what is compiled.
        double = outputs.dtype == torch.float64
        values |= {n: getattr(self, n).double() if double else getattr(self, _single(n)) for n in self._names}
        return run(steps, values, spec.parameters)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FrozenLoss:  # noqa: FBT001, FBT002
        """Move the constants, but keep their dtype."""
        before = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, value in before.items():
            moved = self._buffers[name]
            if value is not None and moved is not None and moved.dtype != value.dtype:
                self._buffers[name] = value.to(moved.device)
        return self

    def _repr_html_(self) -> str:
        return self.spec._repr_html_()

    def extra_repr(self) -> str:
        """The parameters, for `print(loss)`."""
        return ", ".join(f"{name}={value:g}" for name, value in self.spec.parameters.items())


def _single(name: str) -> str:
    """The buffer that holds a constant in float32."""
    return f"{name}_float32"


def _round(loss: FrozenLoss, _: object) -> None:
    """Make the constants in float32 of those that a state dict has brought."""
    for name in loss._names:  # noqa: SLF001  (its own hook)
        getattr(loss, _single(name)).copy_(getattr(loss, name))


def check_counts(spec: BoundLoss, outputs: Tensor) -> None:
    """Raise `UserError` unless the outputs have as many classes or labels as the spec has counts."""
    if (
        spec.kind != "binary"
        and spec.class_counts is not None
        and outputs.shape[-1] != len(spec.class_counts)
    ):
        raise UserError(
            f"outputs must have {len(spec.class_counts)} columns, for as many class counts is this loss "
            f"bound to, but they have {outputs.shape[-1]}"
        )


def check_values(spec: BoundLoss, outputs: Tensor, targets: Tensor) -> None:
    """Raise `UserError` for targets that are no class, or neither 0 nor 1; on a CPU only."""
    target = kind_named(spec.kind).target
    if targets.device.type != "cpu" or targets.numel() == 0 or target == "number":
        return
    low, high = (value.item() for value in targets.aminmax())
    most = outputs.shape[-1] - 1 if target == "class" else 1
    whole = not targets.is_floating_point() or targets.frac().amax().item() == 0
    if low >= 0 and high <= most and whole:
        return
    wrong = (targets < 0) | (targets > most) | (targets != targets.round())
    if spec.ignore_index is not None:
        wrong = wrong & (targets != spec.ignore_index)
    if bool(wrong.any()):
        rule = f"class indices from 0 to {most}" if target == "class" else "0 or 1"
        extra = "" if spec.ignore_index is None else f", or the ignored {spec.ignore_index}"
        raise UserError(
            f"{spec.kind} targets must be {rule}{extra}, but got {targets[wrong][0].item():g}; "
            "set ignore_index for targets that should not count"
        )


def freeze(spec: LossSpec) -> FrozenLoss:
    """The loss as a module with its constants folded; raises `UserError` if it lacks data constants."""
    return FrozenLoss(spec)


__all__ = ["FrozenLoss", "constants_read", "freeze", "shaped"]
