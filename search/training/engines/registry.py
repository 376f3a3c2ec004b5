"""Every engine there is: the `ENGINE` of each file beside this one, and those registered from outside."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ....losses.errors import UserError, unknown
from .engine import Engine

_known: dict[str, Engine] = {}
ENGINES: Mapping[str, Engine] = MappingProxyType(_known)


def engine_named(name: str) -> Engine:
    """The engine called `name`.

    Raises:
        UserError: There is none; the message lists near matches.
    """
    if name not in _known:
        raise unknown("engine", name, (*_known, "auto"))
    return _known[name]


def register_engine(engine: Engine) -> Engine:
    """Add an engine, for this process; registering the same engine again is fine.

    Raises:
        UserError: Another engine has its name.
    """
    if engine.name == "auto" or _known.setdefault(engine.name, engine) != engine:
        raise UserError(
            f"an engine must have a name of its own, but there is an engine {engine.name!r} already"
        )
    return engine


for _module in pkgutil.iter_modules([str(Path(__file__).parent)]):
    if _module.name not in {"registry", "autotune"}:
        _found = getattr(importlib.import_module(f"{__package__}.{_module.name}"), "ENGINE", None)
        if _found is not None:
            register_engine(_found)
