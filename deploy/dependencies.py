"""Print what lossmith needs with some of its extras, one requirement a line; the Dockerfile runs it."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def needed(project: dict[str, Any], extras: list[str]) -> Iterator[str]:
    """The requirements of a project, with those of extras, and of the extras that these name."""
    own = re.compile(rf"{project['name']}\[(.+)\]")
    yield from project["dependencies"]
    waiting = list(extras)
    while waiting:
        for requirement in project["optional-dependencies"][waiting.pop()]:
            if found := own.fullmatch(requirement):
                waiting += [name.strip() for name in found[1].split(",")]
            else:
                yield requirement


if __name__ == "__main__":
    with Path("pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    sys.stdout.write("\n".join(dict.fromkeys(needed(project, sys.argv[1:]))) + "\n")
