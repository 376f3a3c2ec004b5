"""Names and addresses that cannot be, whichever command is given them."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from lossmith.experiments import resume_search
from lossmith.experiments.cli import main
from lossmith.experiments.running.jobs import client_for
from lossmith.experiments.store import Store
from lossmith.experiments.usercode import pack
from lossmith.losses import UserError

from .conftest import blobs

Captured = pytest.CaptureFixture[str]
NO_NAMES = ["\udc80", "a\udcffb", "a\0b", "", "x" * 201, "one\n", "\x1b[31m"]
NO_CLUSTERS = [
    "",
    "x",
    "é",
    "http://",
    "http://x:port",
    "https://[::1",
    "ray://h:1",
    "http://a b",
    "http://" + "x" * 64,
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory whose store has one search, and an environment that says nothing."""
    monkeypatch.chdir(tmp_path)
    for variable in ("LOSSMITH_HOME", "LOSSMITH_STORE", "MLFLOW_TRACKING_URI", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(variable, raising=False)
    with Store.open(f"sqlite:///{tmp_path}/lossmith-data/lossmith.db") as store:
        store.create("one", {"task": "x"}, {}, 0, None)
    return tmp_path


def refusal(arguments: list[str], capsys: Captured) -> str:
    """The one line that a command is refused with."""
    status = main(arguments)
    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1), err
    return err


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_no_search_can_be_called_is_refused_by_its_rule(name: str, capsys: Captured) -> None:
    """By every command that takes a name, and nothing of the store is called damaged."""
    for words in (
        *(["show"], ["report"], ["export", "--to", "x"], ["cancel"], ["resume"]),
        ["resume", "--address", "http://127.0.0.1:1"],
    ):
        line = refusal([words[0], name, *words[1:]], capsys)
        assert "a search's name must have 1 to 200 characters that can be printed" in line


@pytest.mark.parametrize("address", NO_CLUSTERS)
@pytest.mark.parametrize("words", [["supervise", "--once"], ["resume", "one"], ["launch", "s.yaml"]])
def test_an_address_that_no_cluster_can_have_is_refused(
    address: str, words: list[str], home: Path, capsys: Captured
) -> None:
    """Before any waiting, and with the rule."""
    (home / "s.yaml").write_text("task: digits-longtail\ntrials: 2\n")
    line = refusal([*words, "--address", address], capsys)
    assert "--address must be the URL of a cluster's dashboard" in line


def test_a_cluster_that_refuses_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's client, which asks again for half a minute, is not made."""
    monkeypatch.setattr("ray.job_submission.JobSubmissionClient", lambda *_: pytest.fail("Ray is asked"))
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(UserError, match=f"cannot reach a Ray cluster at {address}"):
            client_for(address)


@pytest.mark.parametrize(
    "uri", ["http://", "http://x:port", "sqlite://", "x", "postgres://h/x", "é", "postgresql://127.0.0.1:1/x"]
)
def test_an_mlflow_that_ui_cannot_show_is_refused_by_its_own_name(
    uri: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """The line names the variable, not the store."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    line = refusal(["ui"], capsys)
    assert "MLFLOW_TRACKING_URI must be" in line
    assert "--store" not in line


def test_a_resume_that_is_refused_leaves_no_folder(home: Path) -> None:
    """Files that travel with a search are written down where one is missing here, not before."""
    with Store.open(f"sqlite:///{home}/lossmith-data/lossmith.db") as store:
        store.create("two", {"task": "no-such-task", "trials": 2}, blobs().describe().to_json(), 0, None)
    with pytest.raises(UserError, match="unknown built-in task"):
        resume_search("two")
    assert [path for path in (home / "lossmith-data").iterdir() if path.is_dir()] == []


def test_a_pipe_is_no_file_of_code(home: Path) -> None:
    """Nobody writes to it, so reading it would wait for ever."""
    os.mkfifo(home / "pipe.py")
    with pytest.raises(UserError, match=r"a file to ship must be a file, but pipe\.py is none"):
        pack("digits-longtail", ["pipe.py"])
