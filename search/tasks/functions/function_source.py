"""A user's function by its source: its name, and a hash that tells whether it has changed."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any


def file_of(train: Callable[..., Any]) -> str:
    """The path of the function's file; "training" where it was typed in."""
    try:
        return inspect.getfile(train)
    except TypeError:
        return "training"


def name_of(train: Callable[..., Any]) -> str:
    """The name of the function's file without its ending, or the function's own where it was typed in."""
    found = Path(file_of(train)).stem
    typed = not found.isidentifier() or found.isdigit()
    return (getattr(train, "__name__", "training") if typed else found).replace("_", "-")


def fingerprint(train: Callable[..., Any]) -> str:
    """Hash the code in the function's file; comments and layout do not count."""
    try:
        source = Path(inspect.getfile(train)).read_text(encoding="utf-8")
    except (OSError, TypeError):  # a function typed into an interpreter
        code = getattr(train, "__code__", None)
        return sha256(getattr(code, "co_code", b"")).hexdigest()[:16]
    return sha256(ast.dump(ast.parse(source)).encode()).hexdigest()[:16]
