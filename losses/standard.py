"""The losses people use today, as named points of the family."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from .errors import unknown
from .family import MIX
from .freeze import freeze
from .parts import Kind
from .registry import parts_for
from .spec import LossSpec


def standard_specs(kind: Kind) -> dict[str, LossSpec]:
    """Every standard loss of `kind` by name."""
    specs: dict[str, LossSpec] = {}
    for part in parts_for(kind).values():
        for name, parameters in part.standards.items():
            whole = parameters if any(key.startswith(f"{MIX}.") for key in parameters) else {f"{MIX}.{part.name}": 1, **parameters}
            specs[name] = LossSpec(kind, whole)
    return specs


def standard_spec(name: str, kind: Kind) -> LossSpec:
    """The standard loss called `name`, or a `UserError` that lists near matches."""
    specs = standard_specs(kind)
    if name not in specs:
        raise unknown(f"standard loss for {kind}", name, specs)
    return specs[name]


def standard_loss(
    name: str, *, kind: Kind, class_counts: Sequence[int] | None = None, target_scale: float | None = None, **overrides: float
) -> nn.Module:
    """A standard loss as a module that takes `(outputs, targets)`.

    `class_counts` (K,) are the training samples of each class, for losses that weigh or shift by class.
    `overrides` change parameters by their name with a double underscore for the dot:
    `standard_loss("focal", kind="multiclass", focal__gamma=1.5)`. Raises `UserError` for an unknown name
    or parameter, a value outside its domain, and missing class counts.
    """
    base = standard_spec(name, kind)
    changed = {key.replace("__", ".", 1): value for key, value in overrides.items()}
    return freeze(LossSpec(kind, {**base.parameters, **changed}).bind(class_counts, target_scale))
