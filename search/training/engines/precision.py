"""In which precision models compute. Parameters, losses and the optimiser are in float32 either way."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ....losses.errors import UserError, unknown

PRECISIONS = ("float32", "bf16")


def check_precision(name: str) -> None:
    """Refuse the name of a precision that is not known, by a `UserError`."""
    if name not in PRECISIONS:
        raise unknown("precision", name, PRECISIONS)


def check_model(model: nn.Module, name: str, precision: str) -> None:
    """Refuse a model that cannot compute in a precision.

    Running statistics move by less than bf16 can tell, so that they would stand still.

    Args:
        model: The model.
        name: The name of its task, for the error.
        precision: "float32" or "bf16".
    """
    running = [key for key, value in model.named_buffers() if value.is_floating_point()]
    if precision == "bf16" and running:
        raise UserError(
            f"precision bf16 needs a model without running statistics, but that of {name} has {running[0]}; "
            "use GroupNorm or LayerNorm, or precision: float32"
        )


def called(model: nn.Module, values: Mapping[str, Tensor], inputs: Tensor, precision: str) -> Tensor:
    """What a model returns, (N, ...), with parameters and buffers from elsewhere.

    In bf16 all of it is cast on the way in; gradients arrive in the dtype of `values`. Autocast would be
    finer, but `vmap` does not see it, and both engines shall compute alike.

    Args:
        model: The model.
        values: Its parameters and buffers by name.
        inputs: Inputs (N, ...).
        precision: "float32" or "bf16".
    """
    if precision == "bf16":
        values = {name: _half(value) for name, value in values.items()}
        inputs = _half(inputs)
    outputs: Tensor = functional_call(model, dict(values), (inputs,))
    return outputs


def _half(value: Tensor) -> Tensor:
    return value.to(torch.bfloat16) if value.is_floating_point() else value


def products_in_tf32() -> None:
    """On GPUs that can, take float32's products with ten bits of mantissa, several times as fast."""
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
