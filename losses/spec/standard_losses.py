"""The losses people use today, as named points of the family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from ..declarations import KINDS, Kind
from ..errors import UserError, unknown
from ..family.registry import part, parts_for
from ..frozen.frozen_loss import freeze
from .canonical import part_and_parameter
from .loss_spec import LossSpec


def _declared(kind: Kind) -> dict[str, Mapping[str, float]]:
    """The parameters of every standard loss of `kind`, as declared by the parts."""
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    return {name: values for p in parts_for(kind).values() for name, values in p.standards_for(kind).items()}


def standard_specs(kind: Kind) -> dict[str, LossSpec]:
    """Every standard loss of `kind` by name."""
    return {name: LossSpec(kind, parameters) for name, parameters in _declared(kind).items()}


def standard_spec(name: str, kind: Kind) -> LossSpec:
    """The standard loss called `name`, or a `UserError` that lists near matches."""
    return LossSpec(kind, _parameters(name, kind))


def _parameters(name: str, kind: Kind) -> Mapping[str, float]:
    known = _declared(kind)
    if name not in known:
        raise unknown(f"standard loss for {kind}", name, known)
    return known[name]


def standard_loss(
    name: str,
    *,
    kind: Kind,
    class_counts: Sequence[int] | Sequence[Sequence[int]] | None = None,
    target_scale: float | None = None,
    ignore_index: int | None = None,
    **overrides: float,
) -> nn.Module:
    """A standard loss as a module that takes `(outputs, targets)`.

    `class_counts` are the training samples of each class, for losses that weigh or shift by class: (K,), or
    (negatives, positives), or such pairs (L, 2). `target_scale` is the unit in which errors of a regression
    are measured (default 1). Targets equal to `ignore_index` do not count. `overrides` change or add
    parameters by their name with a double underscore for the dot: `standard_loss("focal",
    kind="multiclass", focal__gamma=1.5)`. Raises `UserError` for an unknown name or parameter, a value
    outside its domain, and missing class counts.
    """
    changed = {key.replace("__", ".", 1): value for key, value in overrides.items()}
    parameters = {**_parameters(name, kind), **changed}
    for key in changed:
        owner, parameter = part_and_parameter(key)
        if parameter is not None and part(owner, kind).stage == "term" and f"mix.{owner}" not in parameters:
            raise UserError(
                f"{key} must belong to a term of the loss, but {name} has no {owner}; add mix__{owner}"
            )
    scale = 1.0 if kind == "regression" and target_scale is None else target_scale
    return freeze(LossSpec(kind, parameters).bind(class_counts, scale, ignore_index))
