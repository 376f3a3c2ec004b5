"""Every part there is, found by reading `losses/terms/`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from . import terms
from .errors import unknown
from .parts import STAGES, Kind, Part


@cache
def parts() -> dict[str, Part]:
    """All parts by name, in the order in which the family applies them."""
    found = []
    for module in pkgutil.iter_modules(terms.__path__):
        part = importlib.import_module(f"{terms.__name__}.{module.name}").PART
        assert isinstance(part, Part), f"{module.name} must define PART"
        found.append(part)
    found.sort(key=lambda part: (STAGES.index(part.stage), part.order, part.name))
    return {part.name: part for part in found}


def part(name: str, kind: Kind | None = None) -> Part:
    """The part called `name`; with `kind`, only if it serves that kind."""
    known = parts_for(kind) if kind else parts()
    if name not in known:
        raise unknown(f"part of the {kind} family" if kind else "part", name, known)
    return known[name]


def parts_for(kind: Kind) -> dict[str, Part]:
    """The parts that serve problems of `kind`."""
    return {name: part for name, part in parts().items() if kind in part.kinds}
