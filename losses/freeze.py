"""A loss with its numbers filled in: an `nn.Module` for a training script."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from .errors import UserError
from .family import Family, plan
from .parts import Kind
from .spec import LossSpec

_NEEDS = {
    "class_counts": "the number of training samples of each class; bind them with spec.bind(class_counts=[...])",
    "target_scale": "the spread of the training targets; bind it with spec.bind(target_scale=...)",
}


def constants_read(spec: LossSpec) -> tuple[str, ...]:
    """The constants of the training data that this loss reads."""
    return _constants_read(spec.kind, spec.parts)


@cache
def _constants_read(kind: Kind, parts: frozenset[str]) -> tuple[str, ...]:
    inputs = {name for step in plan(kind, parts) for name in step.inputs}
    return tuple(name for name in _NEEDS if name in inputs)


class FrozenLoss(nn.Module):
    """The loss a spec describes, on `(outputs, targets)`; see `Family.__call__` for their shapes.

    Stateless but for the constants of the training data, which `state_dict` carries. Half-precision
    outputs are computed in float32. Forward checks shapes only, never values.
    """

    def __init__(self, spec: LossSpec) -> None:
        super().__init__()
        self.spec = spec
        self._family = Family(spec.kind, spec.parts)
        self._constants = constants_read(spec)
        for name in self._constants:
            value = getattr(spec, name)
            if value is None:
                raise UserError(f"this loss reads {name}, which is not set: it is {_NEEDS[name]}")
            # Counts stay integers and the scale is float64, so that `.bfloat16()` cannot round the counts.
            self.register_buffer(name, torch.tensor(value))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of one batch, a 0-d tensor with gradient to `outputs`."""
        outputs, targets = shaped(self.spec.kind, outputs, targets)
        constants = {name: getattr(self, name) for name in self._constants}
        return self._family(outputs, targets, self.spec.parameters, constants)

    def extra_repr(self) -> str:
        """The parameters, for `print(loss)`."""
        return ", ".join(f"{name}={value:g}" for name, value in self.spec.parameters.items())


def shaped(kind: Kind, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and targets in the shapes and dtypes the family expects, or a `UserError`.

    A trailing dimension of one, as models with a single output have, is dropped on either side, because
    (N, 1) against (N,) would silently broadcast to (N, N).
    """
    if kind == "multiclass":
        if outputs.dim() != 2 or targets.shape != outputs.shape[:1] or outputs.shape[1] < 2:
            raise UserError(
                f"multiclass outputs must be (N, K) with K >= 2 and targets (N,), but got {tuple(outputs.shape)} and "
                f"{tuple(targets.shape)}"
            )
        if targets.is_floating_point():
            raise UserError(f"multiclass targets must be integer class indices, but got {targets.dtype}; use targets.long()")
        return outputs, targets.long()
    if kind != "multilabel":
        outputs = outputs.squeeze(-1) if outputs.dim() == 2 and outputs.shape[1] == 1 else outputs
        targets = targets.squeeze(-1) if targets.dim() == 2 and targets.shape[1] == 1 else targets
    if outputs.shape != targets.shape:
        raise UserError(f"{kind} outputs and targets must have one shape, but got {tuple(outputs.shape)} and {tuple(targets.shape)}")
    return outputs, targets.to(torch.promote_types(outputs.dtype, torch.float32))


def freeze(spec: LossSpec) -> FrozenLoss:
    """The loss as a module with its constants folded; raises `UserError` if it lacks data constants."""
    return FrozenLoss(spec)
