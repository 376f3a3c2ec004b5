"""Where things are kept unless someone says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossmith.experiments.running.workdir import places, prepare
from lossmith.losses import UserError


def test_the_default_is_one_directory_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store, MLflow and artifacts stand together in ./lossmith-data, and asking makes nothing."""
    monkeypatch.chdir(tmp_path)
    found = places(environment={})
    home = tmp_path / "lossmith-data"
    assert found.workdir == home
    assert found.store_url == f"sqlite:///{home}/lossmith.db"
    assert found.tracking_uri == f"sqlite:///{home}/mlflow.db"
    assert found.artifacts == home / "artifacts"
    assert not home.exists()


def test_what_is_said_outranks_what_is_set(tmp_path: Path) -> None:
    """Options come before variables, and variables before defaults; an empty variable is none."""
    variables = {
        "LOSSMITH_HOME": "/a",
        "LOSSMITH_STORE": "postgresql://h/x",
        "MLFLOW_TRACKING_URI": "http://m",
    }
    found = places(environment=variables)
    assert (str(found.workdir), found.store_url, found.tracking_uri) == ("/a", "postgresql://h/x", "http://m")
    found = places(tmp_path, "sqlite:////b.db", variables)
    assert (found.workdir, found.store_url, found.tracking_uri) == (tmp_path, "sqlite:////b.db", "http://m")
    assert places(tmp_path, environment=dict.fromkeys(variables, "")) == places(tmp_path, environment={})


def test_preparing_makes_the_directory(tmp_path: Path) -> None:
    """`prepare` makes the directory with its parents, leaves it empty, and takes one that exists."""
    found = places(tmp_path / "a" / "b", environment={})
    assert prepare(prepare(found)) == found
    assert list(found.workdir.iterdir()) == []


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A plain file in the way is refused with the path and the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UserError, match=r"must be one that can be written, but .*/file/x cannot \(not a dir.*--workdir"
    ):
        prepare(places(tmp_path / "file" / "x", environment={}))
