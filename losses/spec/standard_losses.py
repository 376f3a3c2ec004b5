"""The losses people use today, as named points of the family."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import unknown
from ..family import parts_for
from ..kinds import Kind
from .loss_spec import LossSpec


def _declared(kind: Kind) -> dict[str, Mapping[str, float]]:
    """The parameters of every standard loss of `kind`, as declared by the parts."""
    return {name: values for p in parts_for(kind).values() for name, values in p.standards_for(kind).items()}


def standard_specs(kind: Kind) -> dict[str, LossSpec]:
    """Every standard loss of `kind` by name."""
    return {name: LossSpec(kind, parameters) for name, parameters in _declared(kind).items()}


def standard_spec(name: str, kind: Kind) -> LossSpec:
    """The standard loss of a name.

    Args:
        name: A name such as "focal".
        kind: The kind of problem.

    Raises:
        UserError: There is none; the message lists near matches.
    """
    return LossSpec(kind, standard_parameters(name, kind))


def standard_parameters(name: str, kind: Kind) -> Mapping[str, float]:
    """The parameters of a standard loss as its part declares them, not yet in canonical form.

    Args:
        name: A name such as "focal".
        kind: The kind of problem.

    Raises:
        UserError: There is none of this name for this kind.
    """
    known = _declared(kind)
    if name not in known:
        raise unknown(f"standard loss for {kind}", name, known)
    return known[name]
