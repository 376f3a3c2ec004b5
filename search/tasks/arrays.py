"""Arrays, lists, frames and series as tensors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...losses.errors import UserError, one_line

HALF = (torch.float16, torch.bfloat16)  # read as float32: a target of 65,520 has no float16
UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)  # torch has few operations for them
OBJECTS = "OUSMm"  # NumPy's kinds of objects, text and dates


def tensor_of(what: str, value: Any) -> Tensor:
    """`value` as a tensor (N, ...) of numbers; float64 arrays and half precision become float32.

    Args:
        what: The value's name in errors.
        value: A tensor, an array, nested lists, a sparse matrix, or a frame or series of any library that has
            `to_numpy`, its nullable types included.

    Raises:
        UserError: `value` holds text or anything else that is no number, or is a single number.
    """
    tensor = value.detach() if isinstance(value, Tensor) else _from_array(what, value)
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.dtype in HALF or (tensor.dtype == torch.float64 and not isinstance(value, Tensor)):
        tensor = tensor.float()
    if tensor.dtype in UNSIGNED:
        tensor = tensor.long()
    if tensor.is_complex():
        raise UserError(f"{what} must hold real numbers, but got {tensor.dtype}; give its parts or its size")
    if tensor.dim() == 0:
        raise UserError(
            f"{what} must hold samples along the first axis, but got the single number {tensor:g}"
        )
    return tensor


def plain(value: Any) -> Any:
    """A frame or series as an array, whatever its library; anything else as it is.

    Missing values of nullable types become NaN.
    """
    if isinstance(value, np.ndarray | Tensor) or not hasattr(value, "to_numpy"):
        return value.toarray() if hasattr(value, "toarray") and not isinstance(value, Tensor) else value
    found = value.to_numpy()
    if found.dtype != object:
        return found
    try:  # nullable numbers, in which a missing value is no float
        return value.to_numpy(dtype="float64", na_value=np.nan)
    except (TypeError, ValueError):
        return found


def text_in(value: Any) -> str | None:
    """The first text in an array or a list, if it begins with text."""
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
    """An array of objects as numbers where it holds some, as mixed columns of a frame come."""
    if isinstance(value, np.ndarray) and value.dtype.kind in OBJECTS:
        if value.dtype.kind != "O":
            raise TypeError(f"values of type {value.dtype}")
        return value.astype(np.float64)
    return value


def brief(error: BaseException) -> str:
    """The type of an error and what it says, in one line."""
    return f"{type(error).__name__}: {one_line(error)}"
