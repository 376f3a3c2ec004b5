"""Who is brought back from the dead, and who is left alone; and what travels with a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lossmith.experiments.running.supervisor import MOST_TRIES, Supervisor
from lossmith.experiments.store import RunNotes, Store, new_owner
from lossmith.experiments.usercode.bundle import LARGEST, keep_tables, pack, unpack_for_resume
from lossmith.losses import UserError


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Store]:
    """A store in which every owner is dead at once."""
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}", stale_after_s=0.0) as opened:
        yield opened


def taken(resumed: list[str]) -> Callable[[str], bool]:
    """A cluster that takes every search."""

    def resume(name: str) -> bool:
        resumed.append(name)
        return True

    return resume


def no_word(_: str) -> None:
    """Nobody listens."""


def enter(store: Store, name: str, runner: str = "ray") -> int:
    """A search that somebody runs."""
    return store.create(name, {}, {}, 0, new_owner(), RunNotes(runner)).id


def test_a_dead_search_is_resumed_at_the_second_look(catalogue: Store) -> None:
    """One look is not enough: after an outage every heartbeat is old. Two that found the same are."""
    resumed: list[str] = []
    supervisor, search = Supervisor(taken(resumed), no_word), enter(catalogue, "dead")
    assert supervisor.look(catalogue) == []
    assert supervisor.look(catalogue) == ["dead"]
    catalogue.claim(search, new_owner())
    assert supervisor.look(catalogue) == []
    assert resumed == ["dead"]


def test_a_sign_of_life_between_two_looks_counts(catalogue: Store) -> None:
    """A heartbeat that moved belongs to somebody, however old it is."""
    supervisor, owner = Supervisor(taken([]), no_word), new_owner()
    search = catalogue.create("slow", {}, {}, 0, owner, RunNotes("ray"))
    for _ in range(4):
        assert supervisor.look(catalogue) == []
        assert catalogue.heartbeat(search.id, owner)


def test_what_was_stopped_or_runs_elsewhere_is_left_alone(catalogue: Store) -> None:
    """Cancelled, interrupted by Ctrl-C, finished, failed, or run on one machine: not the supervisor's."""
    for status in ("cancelled", "interrupted", "finished", "failed"):
        catalogue.finish(enter(catalogue, status), status)
    enter(catalogue, "laptop", runner="local")
    supervisor = Supervisor(taken([]), no_word)
    assert [supervisor.look(catalogue) for _ in range(3)] == [[], [], []]


def test_a_search_that_dies_again_and_again_is_given_up(catalogue: Store) -> None:
    """What dies every time before it has finished anything more is given up, which is said once."""
    resumed: list[str] = []
    said: list[str] = []
    supervisor = Supervisor(taken(resumed), said.append)
    enter(catalogue, "cursed")
    for _ in range(6 * MOST_TRIES):
        supervisor.look(catalogue)
    assert len(resumed) == MOST_TRIES
    (line,) = said
    assert "cursed died 5 times without a trial more" in line
    assert "lossmith resume cursed" in line


def test_a_cluster_that_is_away_costs_no_try(catalogue: Store) -> None:
    """However long nobody takes a search, it is resumed at the first look at which somebody does."""
    resumed: list[str] = []
    away = [True]

    def resume(name: str) -> bool:
        return not away[0] and taken(resumed)(name)

    supervisor = Supervisor(resume, no_word)
    enter(catalogue, "patient")
    for _ in range(10 * MOST_TRIES):
        supervisor.look(catalogue)
    assert resumed == []
    away[0] = False
    assert supervisor.look(catalogue) == ["patient"]


def test_files_travel_with_a_search(tmp_path: Path) -> None:
    """The task file and those named come back under their names where the originals are not."""
    (tmp_path / "task.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text("x = 1\n")
    files = pack(f"{tmp_path / 'task.py'}:make", [tmp_path / "helper.py"])
    elsewhere = tmp_path / "elsewhere"
    found = unpack_for_resume("/gone/task.py:make", files, elsewhere)
    assert found == f"{elsewhere / 'task.py'}:make"
    assert (elsewhere / "helper.py").read_text() == "x = 1\n"


def test_files_that_are_there_are_used(tmp_path: Path) -> None:
    """Where the task file still lies, it is what is run; a built-in task has no files."""
    task = f"{tmp_path / 'task.py'}:make"
    (tmp_path / "task.py").write_text("")
    assert unpack_for_resume(task, {"task.py": "other"}, tmp_path / "elsewhere") == task
    assert unpack_for_resume("digits-longtail", {}, tmp_path / "elsewhere") == "digits-longtail"
    assert pack("digits-longtail") == {}


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", ".profile"])
def test_a_foreign_name_is_refused(tmp_path: Path, name: str) -> None:
    """A search in the store cannot have a file written outside the folder that is made for it."""
    with pytest.raises(UserError, match="must have a plain name"):
        unpack_for_resume("/gone/task.py:make", {"task.py": "", name: "x"}, tmp_path / "in")


def test_files_that_cannot_travel(tmp_path: Path) -> None:
    """What is not there, not text, too large, or named twice is refused in one line."""
    (tmp_path / "data.bin").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.py").write_text("#" * (LARGEST + 1))
    (tmp_path / "sub").mkdir()
    for place in (tmp_path, tmp_path / "sub"):
        (place / "twin.py").write_text(str(place))
    for others, words in (
        (["none.py"], "No such file"),
        (["data.bin"], "it is no text"),
        (["large.py"], "1024 KiB at most"),
        (["twin.py", "sub/twin.py"], "two are called twin.py"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            pack("digits-longtail", [tmp_path / other for other in others])
        assert len(str(caught.value).splitlines()) == 1


def test_tables_are_kept_where_a_resume_finds_them(tmp_path: Path) -> None:
    """Each file of a table lies under the hash of what is in it; other tasks are left as they are."""
    (tmp_path / "job").mkdir()
    for name, text in (("churn.csv", "a,y\n1,0\n"), ("later.csv", "a,y\n2,1\n")):
        (tmp_path / "job" / name).write_text(text)
    task = {"file": str(tmp_path / "job/churn.csv"), "test": str(tmp_path / "job/later.csv"), "target": "y"}
    found: Any = keep_tables(task, tmp_path / "data")
    assert found["target"] == "y"
    assert Path(found["file"]).read_text() == "a,y\n1,0\n"
    assert Path(found["test"]).read_text() == "a,y\n2,1\n"
    assert Path(found["file"]).name == "churn.csv"
    assert keep_tables(task, tmp_path / "data") == found
    assert keep_tables({"file": task["file"], "test": 0.2}, tmp_path / "data")["test"] == 0.2  # type: ignore[index]
    assert keep_tables("digits-longtail", tmp_path / "data") == "digits-longtail"


def test_a_place_for_tables_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Where LOSSMITH_DATA is no folder, one line says so before the search is entered."""
    (tmp_path / "data").write_text("a file")
    (tmp_path / "churn.csv").write_text("a,y\n1,0\n")
    with pytest.raises(UserError, match="LOSSMITH_DATA must be a folder that can be written to"):
        keep_tables({"file": str(tmp_path / "churn.csv")}, tmp_path / "data")
