"""The parts of a task's data, checked."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..losses import Kind
from ..losses.errors import UserError

Data = tuple[Tensor, Tensor]


def checked(kind: Kind, part: str, given: Any) -> Data:
    """`given` as a pair of tensors, inputs (N, ...) and targets as the kind of problem has them.

    `part` is the name that errors give it. NumPy float64 becomes float32. Raises `UserError`.
    """
    if not isinstance(given, tuple | list) or len(given) != 2:
        got = f"{len(given)} of them" if isinstance(given, tuple | list) else type(given).__name__
        raise UserError(f"{part} must be a pair (inputs, targets) of arrays or tensors, but got {got}")
    inputs, targets = (_tensor(part, value) for value in given)
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise UserError(
            f"{part}: inputs and targets must have one length above 0, "
            f"but got {len(inputs)} and {len(targets)}"
        )
    for what, values in (("inputs", inputs), ("targets", targets)):
        if values.is_floating_point() and not bool(values.isfinite().all()):
            row = int((~values.isfinite()).reshape(len(values), -1).any(1).nonzero()[0])
            raise UserError(
                f"{part}: {what} must be finite, but row {row} holds NaN or infinity; drop or impute it"
            )
    if kind == "multiclass":
        return inputs, _labels(part, targets)
    targets = targets.to(inputs.dtype if inputs.is_floating_point() else torch.float32)
    if kind in ("binary", "multilabel") and not bool(((targets == 0) | (targets == 1)).all()):
        raise UserError(
            f"{part}: {kind} targets must be 0 or 1, but they run from {targets.min():g} to {targets.max():g}"
        )
    if kind != "multilabel" and targets.dim() == 2 and targets.shape[1] == 1:
        targets = targets.squeeze(1)  # a column, as tables give it; against outputs (N,) it would broadcast
    return inputs, targets


def check_alike(part: str, data: Data, train: Data) -> None:
    """Raise `UserError` where a part differs from the training part in more than its number of samples."""
    for what, values, wanted in zip(("inputs", "targets"), data, train, strict=True):
        if values.shape[1:] != wanted.shape[1:] or values.dtype != wanted.dtype:
            raise UserError(
                f"{part}: {what} must be like those of train, {shape_of(wanted)} of {wanted.dtype}, "
                f"but got {shape_of(values)} of {values.dtype}"
            )


def shape_of(values: Tensor) -> str:
    """The shape with N for the number of samples, as in "(N, 64)"."""
    sizes = [f" {size}" for size in values.shape[1:]]
    return f"(N,{','.join(sizes)})"


def brief(error: BaseException) -> str:
    """What was raised, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _labels(part: str, targets: Tensor) -> Tensor:
    if targets.dim() != 1 or (targets.is_floating_point() and bool((targets != targets.round()).any())):
        raise UserError(
            f"{part}: multiclass targets must be class indices of shape (N,), "
            f"but got {targets.dtype} of shape {tuple(targets.shape)}"
        )
    return targets.long()


def _tensor(part: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        tensor = value.detach()
    else:
        try:
            tensor = torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UserError(
                f"{part} must hold numbers in arrays or tensors, "
                f"but got {type(value).__name__}: {brief(error)}"
            ) from error
        tensor = tensor.float() if tensor.dtype == torch.float64 else tensor
    if tensor.dim() == 0:
        raise UserError(
            f"{part} must hold samples along the first axis, but got the single number {tensor:g}"
        )
    return tensor
