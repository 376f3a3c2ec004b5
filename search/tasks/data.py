"""The parts of a task's data, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...losses import Kind
from ...losses.errors import UserError, one_line
from ...losses.kinds import kind_named
from .arrays import brief, is_missing, plain, tensor_of
from .streaming import Streamed

# Inputs may also be `Streamed`, which does what batches ask of a tensor.
Data = tuple[Tensor, Tensor]
NOT_LABELLED = -1  # among zeros and ones: nobody looked


def checked(kind: Kind, part: str, given: Any) -> Data:
    """Inputs (N, ...) and targets as tensors, as losses of the kind take them.

    Args:
        kind: The kind of problem.
        part: The part's name in errors.
        given: A pair (inputs, targets) of arrays, tensors, frames or series; inputs may be streamed.

    Raises:
        UserError: `given` is no such pair, or holds values that losses of the kind cannot take.
    """
    if not isinstance(given, tuple | list) or len(given) != 2:
        got = f"{len(given)} of them" if isinstance(given, tuple | list) else type(given).__name__
        raise UserError(f"{part} must be a pair (inputs, targets) of arrays or tensors, but got {got}")
    inputs: Any = given[0] if isinstance(given[0], Streamed) else tensor_of(f"{part}: inputs", given[0])
    targets = tensor_of(f"{part}: targets", given[1])
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise UserError(
            f"{part}: inputs and targets must have one length above 0, "
            f"but got {len(inputs)} and {len(targets)}"
        )
    _check_finite(part, "inputs", inputs)
    known = kind_named(kind)
    if not known.counts_nested and targets.dim() == 2 and targets.shape[1] == 1:
        targets = targets.squeeze(1)  # a column, as tables give it; against outputs (N,) it would broadcast
    several = not known.single and targets.dim() == 2 and targets.shape[1] > 1
    filled = targets.masked_fill(targets.isnan(), 0) if several and targets.is_floating_point() else targets
    _check_finite(part, "targets", filled)
    if known.target == "class":
        return inputs, _labels(part, targets)
    targets = targets.to(inputs.dtype if inputs.is_floating_point() else torch.float32)
    if several:
        targets = _with_gaps(kind, part, targets)
    if known.classified:
        _check_answers(kind, part, targets)
    return inputs, targets


def missing(kind: Kind, targets: Tensor) -> Tensor:
    """True where one target of several is missing: a label of -1, or a number that is NaN.

    Args:
        kind: The kind of problem.
        targets: Targets (N, L) or (N, D).
    """
    return targets == NOT_LABELLED if kind_named(kind).classified else targets.isnan()


def check_alike(part: str, data: Data, train: Data) -> None:
    """Refuse a part that differs from the training part in more than its number of samples.

    Args:
        part: The part's name in errors.
        data: The part.
        train: The training part.

    Raises:
        UserError: Shapes or types differ.
    """
    for what, values, wanted in zip(("inputs", "targets"), data, train, strict=True):
        if values.shape[1:] != wanted.shape[1:] or values.dtype != wanted.dtype:
            raise UserError(
                f"{part}: {what} must be like those of train, {shape_of(wanted)} of {wanted.dtype}, "
                f"but got {shape_of(values)} of {values.dtype}"
            )


def ordinal_codes(what: str, values: Any, length: int) -> Tensor:
    """Whole numbers (N,) in the order of the values: equal for equal ones.

    Args:
        what: The values' name in errors.
        values: Numbers, text or dates, one for each sample.
        length: The number of samples N.

    Raises:
        UserError: There are more or fewer values than samples, or some are missing.
    """
    try:
        found = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else plain(values))
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{what} must hold one value for each training sample, ({length},), but got "
            f"{type(values).__name__}: {brief(error)}"
        ) from error
    found = found.squeeze(1) if found.ndim == 2 and found.shape[1] == 1 else found
    if found.shape != (length,):
        raise UserError(
            f"{what} must hold one value for each training sample, ({length},), "
            f"but its shape is {found.shape}"
        )
    missing = np.asarray([is_missing(value) for value in found])
    if missing.any():
        raise UserError(f"{what} must have no missing values, but row {int(missing.argmax())} has none")
    try:
        return torch.from_numpy(np.unique(found, return_inverse=True)[1].astype(np.int64))
    except TypeError as error:
        raise UserError(
            f"{what} must hold numbers, text or dates, of one type, but they cannot be ordered: "
            f"{one_line(error)}"
        ) from error


def overlap(train: Data, test: Data) -> int:
    """The number of test samples whose inputs are, number for number, those of a training sample.

    0 for streamed inputs, which are not compared.

    Args:
        train: The training part.
        test: The test part.
    """
    if isinstance(train[0], Streamed) or isinstance(test[0], Streamed):
        return 0
    seen = {row.tobytes() for row in train[0].contiguous().numpy()}
    return sum(row.tobytes() in seen for row in test[0].contiguous().numpy())


def fingerprint(parts: Iterable[Data]) -> str:
    """16 hexadecimal digits that tell equal data; the first samples stand for all of streamed inputs."""
    found = sha256()
    for tensor in (tensor for part in parts for tensor in part):
        found.update(str((tensor.dtype, tuple(tensor.shape))).encode())
        held = next(tensor.chunks()) if isinstance(tensor, Streamed) else tensor
        found.update(held.contiguous().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]


def shape_of(values: Tensor) -> str:
    """The shape with N for the number of samples, as in "(N, 64)"."""
    sizes = [f" {size}" for size in values.shape[1:]]
    return f"(N,{','.join(sizes)})"


def _check_finite(part: str, what: str, values: Any) -> None:
    """Refuse a NaN or an infinity, naming the first row; of streamed inputs the first samples are read."""
    held = next(values.chunks()) if isinstance(values, Streamed) else values
    if not held.is_floating_point():
        return
    if bool(held.isfinite().all()):
        most = math.sqrt(torch.finfo(held.dtype).max) / 10
        size = max(abs(float(value)) for value in held.aminmax()) if held.numel() else 0
        if size > most:
            raise UserError(
                f"{part}: {what} must be below {most:.0e} in size, for sums of their squares are numbers, "
                f"but some are {size:.1e}; scale them"
            )
        return
    wrong = ~held.isfinite().reshape(len(held), -1)
    row = int(wrong.any(1).nonzero()[0])
    column = f" in column {int(wrong[row].nonzero()[0])}" if held.dim() == 2 else ""
    rows = int(wrong.any(1).sum())
    more = f" ({rows} rows do)" if rows > 1 else ""
    raise UserError(
        f"{part}: {what} must be finite, but row {row} holds NaN or infinity{column}{more}; drop or impute it"
    )


def _check_answers(kind: Kind, part: str, targets: Tensor) -> None:
    """Refuse targets other than 0 and 1, of another shape than (N,) for binary and (N, L) for multilabel."""
    axes = 1 if kind_named(kind).single else 2
    if targets.dim() > axes and targets.dim() > 2:
        raise UserError(
            f"{part}: {kind} targets must be of shape {'(N,)' if axes == 1 else '(N, L)'}, but got "
            f"{shape_of(targets)}; search dense targets, such as masks, with a training function of your own"
        )
    if targets.dim() < axes:
        raise UserError(
            f"{part}: {kind} targets must be zeros and ones for each of several labels, (N, L), but got "
            f"{shape_of(targets)}; say kind binary"
        )
    if targets.dim() > axes:
        raise UserError(
            f"{part}: {kind} targets must be one number for each sample, (N,), but got shape "
            f"{shape_of(targets)}; give the column of the positive class, or say kind multilabel"
        )
    of_one = kind_named(kind).single or targets.shape[1:].numel() == 1
    if not bool(((targets == 0) | (targets == 1) | ((targets == NOT_LABELLED) & (not of_one))).all()):
        raise UserError(
            f"{part}: {kind} targets must be 0 or 1, but they run from {targets.min():g} to {targets.max():g}"
        )


def _with_gaps(kind: Kind, part: str, targets: Tensor) -> Tensor:
    """Targets (N, L) in which -1 stands for a label that is missing, or NaN for a number.

    Raises:
        UserError: Of a label or dimension nothing is known.
    """
    if kind_named(kind).classified:
        if bool((targets == NOT_LABELLED).any()) and not bool((targets == 0).any()):
            raise UserError(
                f"{part}: {kind} targets must be 0 or 1, and {NOT_LABELLED} where nobody looked, but none is "
                "0; write 0 for negative"
            )
        targets = targets.masked_fill(targets.isnan(), NOT_LABELLED)
    if bool((empty := missing(kind, targets).all(0)).any()):
        raise UserError(
            f"{part}: something must be known of every column of targets, but column "
            f"{int(empty.nonzero()[0])} is missing in all {len(targets):,} samples; leave it out"
        )
    return targets


def _labels(part: str, targets: Tensor) -> Tensor:
    if targets.dim() == 2 and bool(((targets == 0) | (targets == 1)).all() and (targets.sum(1) == 1).all()):
        raise UserError(
            f"{part}: multiclass targets must be one class index for each sample, (N,), but got one-hot rows "
            f"{tuple(targets.shape)}; give their argmax(1)"
        )
    if targets.dim() > 1:
        raise UserError(
            f"{part}: multiclass targets must be one class index for each sample, (N,), but got shape "
            f"{tuple(targets.shape)}; search dense targets, such as pixels, with a training function of your "
            "own and @own_training(ignore_index=...)"
        )
    if targets.is_floating_point() and bool((targets != targets.round()).any()):
        raise UserError(
            f"{part}: multiclass targets must be class indices of shape (N,), "
            f"but got {targets.dtype} of shape {tuple(targets.shape)}"
        )
    return targets.long()
