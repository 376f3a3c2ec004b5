"""A standard loss as a module, in one call."""

from __future__ import annotations

from collections.abc import Sequence

from ..declarations import Kind
from ..errors import UserError
from ..family.registry import part
from ..spec.canonical import part_and_parameter
from ..spec.loss_spec import LossSpec
from ..spec.standard_losses import standard_parameters
from .frozen_loss import FrozenLoss, freeze


def standard_loss(
    name: str,
    *,
    kind: Kind,
    class_counts: Sequence[int] | Sequence[Sequence[int]] | None = None,
    target_scale: float | None = None,
    ignore_index: int | None = None,
    **overrides: float,
) -> FrozenLoss:
    """A standard loss as a module that takes `(outputs, targets)`.

    `class_counts` are the training samples of each class, for losses that weigh or shift by class: (K,), or
    (negatives, positives), or such pairs (L, 2). `target_scale` is the unit in which errors of a regression
    are measured (default 1). Targets equal to `ignore_index` do not count. `overrides` change or add
    parameters by their name with a double underscore for the dot: `standard_loss("focal",
    kind="multiclass", focal__gamma=1.5)`. Raises `UserError` for an unknown name or parameter, a value
    outside its domain, and missing class counts.
    """
    changed = {key.replace("__", ".", 1): value for key, value in overrides.items()}
    parameters = {**standard_parameters(name, kind), **changed}
    for key in changed:
        owner, parameter = part_and_parameter(key)
        if parameter is not None and part(owner, kind).stage == "term" and f"mix.{owner}" not in parameters:
            raise UserError(
                f"{key} must belong to a term of the loss, but {name} has no {owner}; add mix__{owner}"
            )
    scale = 1.0 if kind == "regression" and target_scale is None else target_scale
    return freeze(LossSpec(kind, parameters).bind(class_counts, scale, ignore_index))
