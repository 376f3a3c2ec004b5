"""A search that waits for its database: nothing is lost while it is away, and nothing is kept twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from lossmith.experiments.store import AlreadySaved, ClaimLost, Store, new_owner, patient
from lossmith.experiments.store.engine import PASSWORD_FILE, engine_for
from lossmith.losses import UserError
from lossmith.search.records import Trial, Unit

Maker = Callable[..., Trial]


def gone() -> OperationalError:
    """What SQLAlchemy raises while a server is away."""
    return OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused"))


@dataclass
class Flaky:
    """A store whose database is away for the first `times` calls, before or after they have their effect."""

    store: Store
    times: int
    after: bool = False
    asleep: list[float] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        """A method that fails now and then."""
        method = getattr(self.store, name)

        def call(*arguments: Any, **more: Any) -> Any:
            away, self.times = self.times > 0, self.times - 1
            if away and not self.after:
                raise gone()
            result = method(*arguments, **more)
            if away:
                raise gone()
            return result

        return call


def waiting(store: Store, times: int, notes: list[str], **more: Any) -> tuple[Store, Flaky]:
    """A patient store on a flaky one, that does not really sleep."""
    flaky: Any = Flaky(store, times, **more)
    return patient(flaky, notes.append, patience_s=100.0, sleep=flaky.asleep.append), flaky


def test_an_outage_is_waited_for(store: Store, owner: str, trial: Maker) -> None:
    """A unit is kept once the database is back; the pauses grow, and the user is told of both turns, once."""
    search, notes, unit = store.create("x", {}, {}, 0, owner), list[str](), Unit("explore", 0, (trial(0),))
    kept, flaky = waiting(store, 5, notes)
    kept.save_unit(search.id, unit, owner)
    assert store.units(search.id) == [unit]
    assert flaky.asleep == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert len(notes) == 2


def test_a_commit_whose_answer_was_lost_is_kept_once(store: Store, owner: str, trial: Maker) -> None:
    """When the database went between the commit and its answer, the unit is there and counts as kept."""
    search, unit = store.create("x", {}, {}, 0, owner), Unit("explore", 0, (trial(0),))
    kept, _ = waiting(store, 1, [], after=True)
    kept.save_unit(search.id, unit, owner)
    assert store.units(search.id) == [unit]


def test_another_unit_in_its_place_is_no_success(store: Store, owner: str, trial: Maker) -> None:
    """Only the very same unit counts as kept: another in its place is an error, outage or not."""
    search = store.create("x", {}, {}, 0, owner)
    store.save_unit(search.id, Unit("explore", 0, (trial(0),)), owner)
    for times in (0, 1):
        kept, _ = waiting(store, times, [])
        with pytest.raises(AlreadySaved):
            kept.save_unit(search.id, Unit("explore", 0, (trial(1),)), owner)


def test_patience_ends(store: Store) -> None:
    """A database that stays away is an error in the end."""
    kept, flaky = waiting(store, 10**6, [])
    with pytest.raises(OperationalError):
        kept.names()
    assert 100 <= sum(flaky.asleep) < 130


def test_what_is_no_outage_is_raised_at_once(store: Store, owner: str) -> None:
    """A lost claim, a user's mistake and a broken rule of the schema are not tried again."""
    notes: list[str] = []
    kept, _ = waiting(store, 0, notes)
    search = store.create("x", {}, {}, 0, owner)
    store.finish(search.id, "cancelled")
    with pytest.raises(ClaimLost):
        kept.save_unit(search.id, Unit("explore", 0), owner)
    with pytest.raises(UserError):
        kept.get("y")
    assert notes == []


def test_a_full_disk_is_raised_at_once() -> None:
    """What SQLite says of its file is no outage: waiting would hide it."""
    import sqlite3

    class Full:
        def names(self) -> list[str]:
            raise OperationalError("", {}, sqlite3.OperationalError("database or disk is full"))

    asleep: list[float] = []
    full: Any = Full()
    with pytest.raises(OperationalError, match="disk is full"):
        patient(full, sleep=asleep.append).names()
    assert asleep == []


def test_a_server_that_ends_our_connections_is_waited_for(store_url: str, owner: str, trial: Maker) -> None:
    """After PostgreSQL has closed every connection, the next unit is kept over a new one."""
    if store_url.startswith("sqlite"):
        pytest.skip("SQLite has no connections to end")
    with Store.open(store_url) as store:
        search = store.create("x", {}, {}, 0, owner)
        engine = engine_for(store_url)
        with engine.connect() as other:
            mine = "pid <> pg_backend_pid() AND datname = current_database()"
            other.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}"))
        engine.dispose()
        patient(store).save_unit(search.id, Unit("explore", 0, (trial(0),)), owner)
        assert len(store.trials(search.id)) == 1


def test_a_password_comes_from_a_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password of a URL without one is read from the file the environment names, and never shown."""
    (tmp_path / "password").write_text("hunter2\n")
    monkeypatch.setenv(PASSWORD_FILE, str(tmp_path / "password"))
    engine = engine_for("postgresql://lossmith@host/db")
    assert engine.url.password == "hunter2"
    assert "hunter2" not in str(engine.url)
    assert engine_for("postgresql://lossmith:own@host/db").url.password == "own"
    monkeypatch.setenv(PASSWORD_FILE, str(tmp_path / "none"))
    with pytest.raises(UserError, match=f"{PASSWORD_FILE} must name a file that can be read"):
        engine_for("postgresql://lossmith@host/db")


@pytest.mark.parametrize("port", ["1", "5432"])
def test_a_server_that_is_not_there_is_one_line(port: str) -> None:
    """A store that cannot be reached is refused in one line that shows neither password nor statement."""
    with pytest.raises(UserError) as caught:
        Store.open(f"postgresql://u:hunter2@127.0.0.1:{port}/x?connect_timeout=2")
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_integrity_is_not_an_outage() -> None:
    """Nothing that would go wrong again is tried again."""
    from lossmith.experiments.store.retrying import is_outage

    assert not is_outage(IntegrityError("", {}, psycopg.errors.UniqueViolation("x")))
    assert not is_outage(ValueError())
    assert is_outage(gone())
    assert new_owner() != new_owner()
