"""Examples in docstrings give what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHOWING = [
    ".".join(["lossmith", *file.relative_to(ROOT).with_suffix("").parts])
    for folder in ("losses", "spaces", "search", "experiments")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if ">>> " in file.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", SHOWING)
def test_the_examples_of_a_module_give_what_they_say(name: str) -> None:
    """Each `>>>` line of its docstrings, run in the module's own names, prints the lines below it."""
    found = doctest.testmod(import_module(name.removesuffix(".__init__")))
    assert found.attempted
    assert not found.failed
