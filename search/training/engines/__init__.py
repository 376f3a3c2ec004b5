"""How candidates are trained: all at once as one program, or one after another."""

from .autotune import choose_engine
from .device import Hardware
from .engine import Engine
from .registry import ENGINES, engine_named, register_engine

__all__ = [
    "ENGINES",
    "Engine",
    "Hardware",
    "choose_engine",
    "engine_named",
    "register_engine",
]
