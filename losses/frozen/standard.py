"""A standard loss as a module, in one call."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UserError
from ..family import part
from ..kinds import Kind, kind_named
from ..spec import LossSpec, part_and_parameter, standard_parameters
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

        >>> standard_loss("focal", kind="multiclass", focal__gamma=1.5).spec.parameters
        {'mix.cross_entropy': 1.0, 'focal.gamma': 1.5}

    Args:
        name: A name such as "focal"; `standard_specs(kind)` lists them.
        kind: The kind of problem.
        class_counts: The training samples of each class, for losses that weigh or shift by class: (K,), or
            (negatives, positives), or such pairs (L, 2).
        target_scale: The unit in which errors of a regression are measured, above 0; None for 1.
        ignore_index: The target that does not count; None where all do.
        overrides: Parameters to change or to add, a double underscore in their names for the dot.

    Raises:
        UserError: A name or a parameter is unknown, a value lies outside its domain, or class counts are
            missing.
    """
    changed = {key.replace("__", ".", 1): value for key, value in overrides.items()}
    parameters = {**standard_parameters(name, kind), **changed}
    for key in changed:
        owner, parameter = part_and_parameter(key)
        if parameter is not None and part(owner, kind).stage == "term" and f"mix.{owner}" not in parameters:
            raise UserError(
                f"{key} must belong to a term of the loss, but {name} has no {owner}; add mix__{owner}"
            )
    scale = 1.0 if target_scale is None and not kind_named(kind).counted else target_scale
    return freeze(LossSpec(kind, parameters).bind(class_counts, scale, ignore_index))
