"""Every part there is: those in `losses/terms/`, and users' own."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from .. import terms
from ..declarations import STAGES, Kind, Parameter, Part
from ..errors import UserError, unknown
from ..kinds import Quantity, kind_named
from .steps import MIX
from .wiring import check_kind, check_part

_own: dict[str, Part] = {}


@cache
def _shipped() -> dict[str, Part]:
    found = {}
    for module in pkgutil.walk_packages(terms.__path__, f"{terms.__name__}."):
        if module.ispkg:
            continue
        part, name = importlib.import_module(module.name).PART, module.name.rpartition(".")[2]
        assert isinstance(part, Part), f"{module.name} must define PART"
        assert part.name == name, f"{module.name} must define a part of its own name"
        check_part(part, map(kind_named, part.kinds))
        found[part.name] = part
    return found


def _added() -> tuple[tuple[str, int], ...]:
    """What tells the parts of this moment from those of another; a name may be given anew."""
    return tuple((name, id(part)) for name, part in _own.items())


@cache
def _sorted(own: tuple[tuple[str, int], ...]) -> dict[str, Part]:
    found = [*_shipped().values(), *(_own[name] for name, _ in own)]
    found.sort(key=lambda part: (STAGES.index(part.stage), part.order, part.name))
    return {part.name: part for part in found}


@cache
def _serving(kind: Kind, own: tuple[tuple[str, int], ...]) -> dict[str, Part]:
    found, known = kind_named(kind), _sorted(own)
    check_kind(found)
    for name in found.borrowed:
        if name not in known:
            raise unknown(f"part that {kind} borrows", name, known)
        check_part(known[name], [found])
    return {name: part for name, part in known.items() if kind in part.kinds or name in found.borrowed}


def parts() -> dict[str, Part]:
    """All parts by name, in the order in which the family applies them."""
    return _sorted(_added())


def own_parts() -> tuple[Part, ...]:
    """Those that users added in this process."""
    return tuple(_own.values())


def part(name: str, kind: Kind | None = None) -> Part:
    """The part of a name.

    Args:
        name: The part's name.
        kind: A kind of problem that it must serve; None for any.

    Raises:
        UserError: There is none; the message lists near matches.
    """
    known = parts_for(kind) if kind else parts()
    if name not in known:
        error = unknown(f"part of the {kind} family" if kind else "part", name, known)
        raise UserError(f"{error}; if it is a loss of your own, name it under `terms` in the SPEC's space")
    return known[name]


def parameter_named(name: str, kind: Kind | None = None) -> Parameter:
    """The parameter of a part that the family knows by a name such as "focal.gamma".

    Args:
        name: Part and parameter, with a dot between them.
        kind: A kind of problem that the part must serve; None for any.

    Raises:
        UserError: There is no such part, or it has no such parameter.
    """
    owner, _, rest = name.partition(".")
    known = {p.name: p for p in part(owner, kind).parameters}
    if rest not in known:
        raise unknown("parameter", name, [f"{owner}.{p}" for p in known] or [f"{MIX}.{owner}"])
    return known[rest]


def parts_for(kind: Kind) -> dict[str, Part]:
    """The parts that serve problems of `kind`."""
    return _serving(kind, _added())


def formulas(kind: Kind) -> list[Part | Quantity]:
    """Whatever computes something in losses of a kind."""
    return [*kind_named(kind).quantities.values(), *parts_for(kind).values()]


@contextmanager
def registered(own: Part) -> Iterator[Part]:
    """A context in which a part belongs to the family; after it, only if it did before."""
    known = own.name in _own
    try:
        yield register(own)
    finally:
        if not known:
            _own.pop(own.name, None)


def register(own: Part) -> Part:
    """Add a part to the family, for this process; registering the same part again is fine.

    Args:
        own: The part.

    Returns:
        The part.

    Raises:
        UserError: Another part has its name, the name is no Python name or `mix` or `recipe`, or its function
            asks for a value or a parameter that does not exist.
    """
    known = parts().get(own.name)
    if known is not None and known != own:
        raise UserError(
            f"a part must have a name of its own, but there is a part {own.name!r} already; rename yours"
        )
    if not own.name.isidentifier() or own.name in ("mix", "recipe"):
        raise UserError(
            f"a part's name must be a Python name other than mix and recipe, but got {own.name!r}"
        )
    check_part(own, map(kind_named, own.kinds))
    if known is None:
        _own[own.name] = own
    return own
