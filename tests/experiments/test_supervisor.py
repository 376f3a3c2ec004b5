"""Who is unpack_for_reading back from the dead, and who is left alone; and what travels with a search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lossmith.experiments.running.supervisor import MOST_TRIES, Supervisor
from lossmith.experiments.store import RunNotes, Store, new_owner
from lossmith.experiments.usercode.bundle import LARGEST, pack, unpack_for_resume
from lossmith.losses import UserError


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Store]:
    """A store in which every owner is dead at once."""
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}", stale_after_s=0.0) as opened:
        yield opened


def enter(store: Store, name: str, runner: str = "ray") -> int:
    """A search that somebody runs."""
    return store.create(name, {}, {}, 0, new_owner(), RunNotes(runner)).id


def test_a_dead_search_is_resumed_at_the_second_look(catalogue: Store) -> None:
    """One look is not enough: after an outage every heartbeat is old. Two that found the same are."""
    resumed: list[str] = []
    supervisor, search = Supervisor(resumed.append), enter(catalogue, "dead")
    assert supervisor.look(catalogue) == []
    assert supervisor.look(catalogue) == ["dead"]
    catalogue.claim(search, new_owner())
    assert supervisor.look(catalogue) == []
    assert resumed == ["dead"]


def test_a_sign_of_life_between_two_looks_counts(catalogue: Store) -> None:
    """A heartbeat that moved belongs to somebody, however old it is."""
    supervisor, owner = Supervisor(lambda _: None), new_owner()
    search = catalogue.create("slow", {}, {}, 0, owner, RunNotes("ray"))
    for _ in range(4):
        assert supervisor.look(catalogue) == []
        assert catalogue.heartbeat(search.id, owner)


def test_what_was_stopped_or_runs_elsewhere_is_left_alone(catalogue: Store) -> None:
    """Cancelled, interrupted by Ctrl-C, finished, failed, or run on one machine: not the supervisor's."""
    for status in ("cancelled", "interrupted", "finished", "failed"):
        catalogue.finish(enter(catalogue, status), status)
    enter(catalogue, "laptop", runner="local")
    supervisor = Supervisor(lambda _: None)
    assert [supervisor.look(catalogue) for _ in range(3)] == [[], [], []]


def test_a_search_that_dies_again_and_again_is_given_up(catalogue: Store) -> None:
    """What dies every time before it has finished anything more is not unpack_for_reading back for ever."""
    resumed: list[str] = []
    supervisor = Supervisor(resumed.append)
    enter(catalogue, "cursed")
    for _ in range(6 * MOST_TRIES):
        supervisor.look(catalogue)
    assert len(resumed) == MOST_TRIES


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
