"""How much each sample counts, in losses and in the metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...losses.errors import UserError, unknown
from .arrays import tensor_of


def weights_of(what: str, given: Any, sizes: Mapping[str, int]) -> dict[str, Tensor] | None:
    """Weights (N,) of the samples by part, in double precision; 1 for parts that were given none.

    Args:
        what: The task's name in errors.
        given: Weights of the training part, or weights by part; None where samples count alike.
        sizes: The number of samples in each part.

    Raises:
        UserError: A part is unknown, weights are not one for each sample, or some are negative, not finite,
            or all 0.
    """
    if given is None:
        return None
    by_part = given if isinstance(given, Mapping) else {"train": given}
    for part in by_part:
        if part not in sizes:
            raise unknown(f"part in {what}: sample_weight", part, sizes)
    made = {part: torch.ones(size, dtype=torch.float64) for part, size in sizes.items()}
    for part, values in by_part.items():
        name = f"{what}: sample_weight of {part}"
        found = tensor_of(name, values).double()
        found = found.squeeze(1) if found.dim() == 2 and found.shape[1] == 1 else found
        if found.shape != made[part].shape:
            raise UserError(
                f"{name} must be one number for each sample, ({sizes[part]},), but got {tuple(found.shape)}"
            )
        if not bool(found.isfinite().all()) or found.min() < 0 or found.sum() == 0:
            raise UserError(
                f"{name} must be finite numbers of at least 0, one of them above 0, but they run from "
                f"{found.min():g} to {found.max():g}"
            )
        made[part] = found
    return made
