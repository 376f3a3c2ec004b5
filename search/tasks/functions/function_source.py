"""A user's function by its source: what it is called, and whether it is still the same."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any


def name_of(train: Callable[..., Any]) -> str:
    """The name of its file without ending, or its own where it was typed in."""
    try:
        found = Path(inspect.getfile(train)).stem
    except TypeError:
        found = "training"
    typed = not found.isidentifier() or found.isdigit()
    return (getattr(train, "__name__", "training") if typed else found).replace("_", "-")


def fingerprint(train: Callable[..., Any]) -> str:
    """A hash of the code in the function's file; comments and layout do not count."""
    try:
        source = Path(inspect.getfile(train)).read_text(encoding="utf-8")
    except (OSError, TypeError):  # a function typed into an interpreter
        code = getattr(train, "__code__", None)
        return sha256(getattr(code, "co_code", b"")).hexdigest()[:16]
    return sha256(ast.dump(ast.parse(source)).encode()).hexdigest()[:16]
