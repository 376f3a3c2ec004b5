"""Every kind there is: those of the files beside this one, and those registered from outside."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ..errors import UserError, unknown
from .problem_kind import Kind, ProblemKind

_known: dict[Kind, ProblemKind] = {}
KINDS: Mapping[Kind, ProblemKind] = MappingProxyType(_known)


def kind_named(name: Kind) -> ProblemKind:
    """The kind of problem called `name`.

    Raises:
        UserError: There is none; the message lists near matches.
    """
    if not isinstance(name, str) or name not in _known:
        raise unknown("kind", name, _known)
    return _known[name]


def register_kind(kind: ProblemKind) -> ProblemKind:
    """Add a kind of problem, for this process; registering the same kind again is fine.

    Raises:
        UserError: Another kind has its name.
    """
    if _known.setdefault(kind.name, kind) != kind:
        raise UserError(f"a kind must have a name of its own, but there is a kind {kind.name!r} already")
    return kind


def _shipped() -> list[ProblemKind]:
    """The `KIND` of every file in this folder that has one, in their order."""
    found = (
        importlib.import_module(f"{__package__}.{module.name}")
        for module in pkgutil.iter_modules([str(Path(__file__).parent)])
        if module.name != "registry"
    )
    kinds = [module.KIND for module in found if hasattr(module, "KIND")]
    return sorted(kinds, key=lambda kind: kind.order)


for _kind in _shipped():
    register_kind(_kind)
