"""What the tests of all folders share."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

WRITE = "LOSSMITH_WRITE_PINNED"
# Fixtures that take seconds. xdist's workers have each their own, so their users go to one worker.
SHARED = ("empty_mlflow", "searched", "kept", "workdir", "exported", "forms")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the users of a shared fixture together, fixtures of one name in several files apart."""
    for item in items:
        used = [name for name in SHARED if name in getattr(item, "fixturenames", ())]
        if used:
            own = item.path.stem if used[0] in ("workdir", "exported", "forms") else ""
            item.add_marker(pytest.mark.xdist_group(f"{used[0]}{own}"))


@pytest.fixture
def same_as() -> Callable[[Path, str], None]:
    """Compare a text with a committed file, or write the file where LOSSMITH_WRITE_PINNED=1 is set."""

    def compare(file: Path, text: str) -> None:
        if os.environ.get(WRITE) == "1":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            return
        kept = file.read_text(encoding="utf-8")
        if text != kept:
            before, now = kept.split("\n"), text.split("\n")
            lines = list(difflib.unified_diff(before, now, "kept", "now", n=1, lineterm=""))
            shown = "\n".join(line[:300] for line in lines[:60])
            rest = f"\n... and {len(lines) - 60} more lines" if len(lines) > 60 else ""
            pytest.fail(
                f"{file.name} in {file.parent} has changed; {WRITE}=1 writes it anew:\n{shown}{rest}",
                pytrace=False,
            )

    return compare
