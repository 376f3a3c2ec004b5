"""MLflow's SQLite file: whole, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from lossmith.experiments.tracking import database
from lossmith.experiments.tracking.database import make_database


def test_a_new_database_is_mlflows_own(empty_mlflow: Path) -> None:
    """MLflow opens the file as one of its own, and nothing else is left in the directory."""
    assert [e.name for e in MlflowClient(f"sqlite:///{empty_mlflow}").search_experiments()] == ["Default"]
    assert list(empty_mlflow.parent.iterdir()) == [empty_mlflow]


def test_a_database_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """A file under the name is not touched, whatever it holds; MLflow says what is wrong with it."""
    (tmp_path / "mlflow.db").write_text("mine")
    make_database(f"sqlite:///{tmp_path}/mlflow.db")
    assert (tmp_path / "mlflow.db").read_text() == "mine"


@pytest.mark.parametrize(
    "address", ["http://localhost:5000", "postgresql://h/m", "./mlruns", "sqlite://", ""]
)
def test_an_address_without_a_file_makes_none(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers, databases elsewhere and folders are MLflow's affair."""
    monkeypatch.chdir(tmp_path)
    make_database(address)
    assert list(tmp_path.iterdir()) == []


def test_one_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that MLflow could not finish does not get the name, so that the next attempt begins afresh."""

    class Broken:
        def __init__(self, address: str) -> None:
            Path(address.removeprefix("sqlite+pysqlite:///")).write_text("half")

        def search_experiments(self, **_: int) -> None:
            raise ZeroDivisionError

    monkeypatch.setattr(database, "MlflowClient", Broken)
    with pytest.raises(ZeroDivisionError):
        make_database(f"sqlite:///{tmp_path}/mlflow.db")
    assert list(tmp_path.iterdir()) == []


def test_the_first_of_two_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where two searches begin at once, the slower one takes over the database that the faster one made."""
    path = tmp_path / "deeper" / "mlflow.db"

    class Slower:
        def __init__(self, address: str) -> None:
            Path(address.removeprefix("sqlite+pysqlite:///")).write_text("slower")

        def search_experiments(self, **_: int) -> None:
            path.write_text("faster")

    monkeypatch.setattr(database, "MlflowClient", Slower)
    make_database(f"sqlite:///{path}")
    assert path.read_text() == "faster"
    assert list(path.parent.iterdir()) == [path]
