"""An address of MLflow that cannot work is said before a search begins."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from lossmith.experiments.cli import main
from lossmith.experiments.tracking.address import check_address
from lossmith.losses import UserError


@pytest.mark.parametrize(
    "uri",
    [
        "htp://127.0.0.1:5000",
        "http://",
        "http://127.0.0.1:port",
        "http://[::1",
        "postgres://h/x",
        "ftp://h/mlflow",
        "sqlite:///a\0b",
        "postgresql://h:x/db",
    ],
)
def test_an_address_that_cannot_be_is_refused(uri: str) -> None:
    """One line with the rule and the value."""
    with pytest.raises(
        UserError, match="MLFLOW_TRACKING_URI must be the address of an MLflow server"
    ) as found:
        check_address(uri)
    assert "\n" not in str(found.value)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    """SQLite cannot open it."""
    with pytest.raises(UserError, match="it is a folder"):
        check_address(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("scheme", ["http", "https", "postgresql", "mysql+pymysql"])
def test_a_server_that_does_not_answer_is_a_line_and_no_error(scheme: str) -> None:
    """It may come back; the line hides the password."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = check_address(f"{scheme}://user:hunter2@127.0.0.1:{port}/x")
    assert line is not None
    assert "does not answer" in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    "uri", ["sqlite:///mlflow.db", "./mlruns", "file:///tmp/mlruns", "databricks", "mlruns"]
)
def test_an_address_on_this_machine_says_nothing(uri: str) -> None:
    """Files are made when they are needed."""
    assert check_address(uri) is None


def test_a_server_that_answers_says_nothing() -> None:
    """Whoever listens there."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        assert check_address(f"http://127.0.0.1:{server.getsockname()[1]}") is None


def test_a_search_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, one line, no folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "htp://nowhere")
    (tmp_path / "spec.yaml").write_text("task: digits-longtail\ntrials: 2\n")
    assert main(["search", "spec.yaml"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "MLFLOW_TRACKING_URI" in err
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]
