"""Commands for the user to type next, spelled so that they work as they stand."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple


class Given(NamedTuple):
    """Where the user said that searches are kept.

    Attributes:
        workdir: What `--workdir` says, or its variable.
        store: What `--store` says, or its variable.
    """

    workdir: Path | None
    store: str | None


def command(*words: str, given: Given) -> str:
    """Spell a command of lossmith for a shell, with the options that the environment does not already set.

    Args:
        words: What stands after `lossmith`.
        given: Where searches are kept.
    """
    options: list[str] = []
    for option, variable, value in (
        ("--workdir", "LOSSMITH_HOME", given.workdir),
        ("--store", "LOSSMITH_STORE", given.store),
    ):
        if value is not None and os.environ.get(variable) != str(value):
            options += [option, str(value)]
    return shlex.join([_program(), *words, *options])


def _program() -> str:
    """The program as it was called, where the plain name would not find it."""
    called = Path(sys.argv[0])
    if called.name != "lossmith":
        return "lossmith"
    found = shutil.which("lossmith")
    return "lossmith" if found and Path(found).resolve() == called.resolve() else str(called)
