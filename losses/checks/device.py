"""That a loss computes where its inputs are, so that it can be captured in a CUDA graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..errors import one_line
from ..frozen import freeze
from .probe_batches import constants
from .subject import Broken, Loss, Subject, value_and_gradient

DEVICE = "meta"  # whose tensors have shapes and no data; a GPU is not needed

_FROM_PYTHON = (torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor)


def stays_on_device(subject: Subject) -> None:
    """Nothing is copied to the inputs' device or from it, with floats, tensors for numbers, and frozen.

    A copy waits for the device at every step, and a CUDA graph cannot hold it: `torch.as_tensor(0.5,
    device=...)` is one, `torch.full` none.
    """
    there = [value.to(DEVICE) for value in subject.batch(dtype=torch.float32)]
    known = {name: value.to(DEVICE) for name, value in constants(subject.kind).items()}
    numbers = {name: torch.full((), value, device=DEVICE) for name, value in subject.values.items()}
    family = subject.family
    losses: dict[str, Loss] = {
        "": lambda o, t: family(o, t, subject.values, known),
        " with tensors for its numbers": lambda o, t: family(o, t, numbers, known),
        " frozen": freeze(subject.spec).to(DEVICE),
    }
    for how, loss in losses.items():
        try:
            with _NothingFromPython(), _OneDevice():  # type: ignore[no-untyped-call]
                value_and_gradient(loss, *there)
        except (RuntimeError, NotImplementedError) as error:
            said = one_line(error)
            raise Broken(f"{subject.name}{how}: leaves the device: {said}") from error


class _OneDevice(TorchDispatchMode):
    """Raises at an operation whose tensors, those it makes with it, are not all on one device."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        devices = {
            leaf.device.type for leaf in tree_leaves((args, kwargs, found)) if isinstance(leaf, Tensor)
        }
        if len(devices) > 1:
            raise RuntimeError(f"{func} on {' and '.join(sorted(devices))}")
        return found


class _NothingFromPython(TorchFunctionMode):
    """Raises where Python's numbers become a tensor on the device, of which no operation tells."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        copied = func in _FROM_PYTHON and not any(isinstance(value, Tensor) for value in args[-1:])
        if copied and found.device.type == DEVICE:
            raise RuntimeError(f"{func.__name__} copies numbers to it; torch.full does not")
        return found
