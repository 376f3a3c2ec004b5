"""Every sampler there is: those of the files beside this one, and those registered from outside."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ....losses.errors import UserError, unknown
from .sampler import Sampler

_known: dict[str, type[Sampler]] = {}
SAMPLERS: Mapping[str, type[Sampler]] = MappingProxyType(_known)


def sampler_named(name: str) -> type[Sampler]:
    """The sampler of a name, to be made for a space.

    Raises:
        UserError: There is none; the message lists near matches.
    """
    if name not in _known:
        raise unknown("sampler", name, _known)
    return _known[name]


def register_sampler(name: str, sampler: type[Sampler]) -> type[Sampler]:
    """Add a sampler, for this process; registering the same sampler again is fine.

    Args:
        name: What SPEC files call the sampler.
        sampler: A class that keeps to `Sampler`; `lossmith.search.testing.SamplerSuite` checks it.

    Raises:
        UserError: Another sampler has the name.
    """
    if _known.setdefault(name, sampler) is not sampler:
        raise UserError(f"a sampler must have a name of its own, but there is a sampler {name!r} already")
    return sampler


def _register_shipped() -> None:
    """Register the `SAMPLER` of every file in this folder that has one, under the file's name."""
    for file in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if file.name == Path(__file__).stem:
            continue
        module = importlib.import_module(f"{__package__}.{file.name}")
        if (found := getattr(module, "SAMPLER", None)) is not None:
            register_sampler(file.name, found)


_register_shipped()
