"""Arrays, lists, frames and series as tensors."""

from __future__ import annotations

import warnings
from datetime import date, timedelta
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...losses.errors import UserError, one_line, shown

UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)  # torch has few operations for them
OBJECTS = "OUSMm"  # NumPy's kinds of objects, text and dates
DATES = (date, timedelta, np.datetime64, np.timedelta64)  # which pandas would turn into nanoseconds


def tensor_of(what: str, value: Any) -> Tensor:
    """`value` as a tensor (N, ...) of numbers; float64 arrays and half precision become float32.

    Args:
        what: The value's name in errors.
        value: A tensor, an array, nested lists, a sparse matrix, or a frame or series of any library that has
            `to_numpy`, its nullable types included.

    Raises:
        UserError: `value` holds text or anything else that is no number, or is a single number.
    """
    tensor = _dense(what, value.detach()) if isinstance(value, Tensor) else _from_array(what, value)
    small = tensor.is_floating_point() and tensor.element_size() < 4
    if small or (tensor.dtype == torch.float64 and not isinstance(value, Tensor)):
        tensor = tensor.float()  # a target of 65,520 has no float16
    if tensor.dtype in UNSIGNED:
        tensor = tensor.long()
        if tensor.numel() and tensor.min() < 0:
            raise UserError(
                f"{what} must be below 2**63, but some are not; number them from 0, or scale them"
            )
    if tensor.is_complex():
        raise UserError(f"{what} must hold real numbers, but got {tensor.dtype}; give its parts or its size")
    if tensor.dim() == 0:
        raise UserError(
            f"{what} must hold samples along the first axis, but got the single number {tensor:g}"
        )
    return tensor


def _dense(what: str, value: Tensor) -> Tensor:
    """A tensor with a number in each place, in the computer's own memory.

    Raises:
        UserError: It has no numbers, or rows of several lengths.
    """
    if value.is_nested or value.is_meta:
        held = "rows of several lengths" if value.is_nested else "no numbers, on the device meta"
        raise UserError(f"{what} must hold numbers in arrays or tensors, but got a tensor with {held}")
    value = value.dequantize() if value.is_quantized else value
    return (value if value.layout == torch.strided else value.to_dense()).cpu()


def plain(value: Any) -> Any:
    """A frame or series as an array, whatever its library; anything else as it is.

    Missing values of nullable types and of masked arrays become NaN.

    Args:
        value: A NumPy array, a tensor, a frame, a series, or anything else.
    """
    if isinstance(value, np.ma.MaskedArray):
        return np.ma.filled(value.astype(np.float64), np.nan) if np.ma.is_masked(value) else value.data
    if isinstance(value, np.matrix):  # whose first row is again a matrix
        return np.asarray(value)
    if isinstance(value, np.ndarray | Tensor) or not hasattr(value, "to_numpy"):
        return value.toarray() if hasattr(value, "toarray") and not isinstance(value, Tensor) else value
    found = value.to_numpy()
    if found.dtype != object or any(isinstance(one, (*DATES, str)) for one in found[:1].flat):
        return found
    try:  # nullable numbers, in which a missing value is no float
        return value.to_numpy(dtype="float64", na_value=np.nan)
    except (TypeError, ValueError):
        return found


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: None, NaN, NaT, or pandas' NA, which does not compare."""
    try:
        return value is None or bool(value != value)  # noqa: PLR0124
    except (TypeError, ValueError):
        return True


def text_in(value: Any) -> str | None:
    """The first text in an array or a list, if it begins with text.

    Args:
        value: A NumPy array, a tensor, a frame, a series, or anything else.
    """
    first = value
    while not isinstance(first, str) and isinstance(first, list | tuple | np.ndarray) and len(first):
        first = first[0] if getattr(first, "ndim", 1) else None
    return str(first) if isinstance(first, str) else None


def _from_array(what: str, value: Any) -> Tensor:
    found, kind = plain(value), type(value).__name__
    if (text := text_in(found)) is not None:
        raise UserError(
            f"{what} must hold numbers in arrays or tensors, but got {kind} with text such as {text!r}; "
            "encode it as numbers, or read the file with Task.from_csv"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an array that may not be written to: nobody writes to it
            return torch.as_tensor(_numeric(found))
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise UserError(
            f"{what} must hold numbers in arrays or tensors, but got {kind}: {brief(error)}"
        ) from error


def _numeric(value: Any) -> Any:
    """What torch reads: arrays of objects as numbers, in its layout; lists of tensors as one."""
    if isinstance(value, list | tuple) and value and all(isinstance(one, Tensor) for one in value):
        return torch.stack([one.detach() for one in value])
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind in OBJECTS:
        if value.dtype.kind != "O":
            raise TypeError(f"values of type {value.dtype}")
        if (text := next((one for one in value.flat if isinstance(one, str | bytes)), None)) is not None:
            raise TypeError(f"text such as {shown(text)}")
        return value.astype(np.float64)
    if not value.dtype.isnative or any(stride < 0 for stride in value.strides):
        return np.array(value, value.dtype.newbyteorder("="), order="C")
    return value


def brief(error: BaseException) -> str:
    """The type of an error and what it says, in one line."""
    return f"{type(error).__name__}: {one_line(error)}"
