"""What a look at a search may run: only files that this user has had run, as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossmith.experiments.usercode import (
    pack,
    term_files,
    trust,
    unpack_for_reading,
    unpack_for_resume,
    untrusted,
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing is trusted yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("lossmith.experiments.usercode.trusted_files._run_here", set())
    return tmp_path


def test_what_was_run_is_trusted_until_it_changes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was run is trusted in later processes too, and no more once a character differs."""
    place = f"{home / 'mine.py'}:loss"
    (home / "mine.py").write_text("x = 1\n")
    assert untrusted([place]) == [place]
    trust([place])
    monkeypatch.setattr(
        "lossmith.experiments.usercode.trusted_files._run_here", set()
    )  # as another process has it
    assert untrusted([place]) == []
    (home / "mine.py").write_text("x = 2\n")
    assert untrusted([place]) == [place]


def test_what_is_missing_is_not_trusted(home: Path) -> None:
    """A file that is not here is not run, and asking for it is no error."""
    trust([f"{home / 'gone.py'}:loss"])
    assert untrusted([f"{home / 'gone.py'}:loss"]) == [f"{home / 'gone.py'}:loss"]


def test_a_home_that_cannot_be_written(home: Path) -> None:
    """Where nothing can be remembered, what was run in this process is trusted in it."""
    (home / "state").write_text("a file where a folder should be")
    (home / "mine.py").write_text("x = 1\n")
    trust([f"{home / 'mine.py'}:loss"])
    assert untrusted([f"{home / 'mine.py'}:loss"]) == []


def test_losses_travel_with_a_search(home: Path) -> None:
    """The file of a loss that a SPEC names is kept with the search and written down where it is missing."""
    (home / "mine.py").write_text("x = 1\n")
    files = pack("digits-longtail", term_files({"terms": [f"{home / 'mine.py'}:loss"]}))
    found = unpack_for_resume("/gone/mine.py:loss", files, home / "elsewhere")
    assert found == f"{home / 'elsewhere' / 'mine.py'}:loss"
    assert (home / "elsewhere" / "mine.py").read_text() == "x = 1\n"


def test_a_loss_whose_file_is_elsewhere_is_looked_at_in_a_copy(home: Path) -> None:
    """The copy is trusted where the file was, under whatever path, and not where another was."""
    (home / "mine.py").write_bytes(b"x = 1\r\n")
    trust([f"{home / 'mine.py'}:loss"])
    files = pack(None, [home / "mine.py"])
    found = unpack_for_reading("/gone/mine.py:loss", files)
    assert found != "/gone/mine.py:loss"
    assert untrusted([found]) == []
    other = unpack_for_reading("/gone/mine.py:loss", {"mine.py": "x = 2\n"})
    assert untrusted([other]) == [other]


@pytest.mark.parametrize(
    ("place", "files"),
    [
        ("/gone/mine.py:loss", {}),
        ("/gone/..:loss", {"..": "x = 1\n"}),
    ],
)
def test_what_a_search_does_not_keep_is_missing(home: Path, place: str, files: dict[str, str]) -> None:
    """Without the text of the file, or under a name that is none, nothing is written and nothing trusted."""
    assert unpack_for_reading(place, files) == place
    assert untrusted([place]) == [place]
    assert not list(home.rglob("*.py"))
