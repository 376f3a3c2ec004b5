"""Who may launch on whose cluster: versions must agree, and where they do not one line says what to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lossmith.experiments.running.jobs import (
    ADDRESS,
    LAUNCHER,
    check_launcher,
    client_for,
    follow,
    wait_until_begun,
)
from lossmith.experiments.version import version
from lossmith.losses import UserError


class OldRay(BaseHTTPRequestHandler):
    """Answers as the dashboard of another Ray does."""

    def do_GET(self) -> None:
        """The version, whatever is asked."""
        body = json.dumps({"version": "4", "ray_version": "2.9.3", "ray_commit": "", "session_name": ""})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def old_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a cluster with an old Ray."""
    monkeypatch.setenv(ADDRESS, "")  # so that what is set here is taken back
    with ThreadingHTTPServer(("127.0.0.1", 0), OldRay) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_another_ray_is_refused_with_both_versions(old_cluster: str) -> None:
    """A cluster with another Ray is told apart before anything is submitted, and what to install is said."""
    with pytest.raises(UserError, match=r"the same Ray, but .*2\.9\.3; install ray==2\.9\.3 here") as refused:
        client_for(old_cluster)
    assert len(str(refused.value).splitlines()) == 1


def test_another_lossmith_is_refused_by_who_runs_it() -> None:
    """What another version launched is not run; the same version, or nobody, is let through."""
    check_launcher({})
    check_launcher({LAUNCHER: version()})
    with pytest.raises(UserError, match=r"the same lossmith, but 0\.0\.9 launched .* install lossmith=="):
        check_launcher({LAUNCHER: "0.0.9"})


def test_a_token_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path that names no file is said to name none, not taken for a wrong token."""
    monkeypatch.setenv(ADDRESS, "")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    for place in (tmp_path / "none", tmp_path):
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(place))
        with pytest.raises(UserError, match=r"RAY_AUTH_TOKEN_PATH must name a file that can be read"):
            client_for("http://127.0.0.1:1")


class Jobs:
    """What a cluster says of its jobs, one answer a look; an exception is a head that is away."""

    def __init__(self, *looks: tuple[str, str] | Exception, others: list[Any] | None = None) -> None:
        """Each look is (status, log)."""
        self.looks, self.others = list(looks), others or []
        self.asked: list[str] = []

    def get_job_status(self, job: str) -> Any:
        """The next look's."""
        self.asked.append(job)
        look = self.looks[0]
        if isinstance(look, Exception):
            self.looks.pop(0)
            raise look
        return SimpleNamespace(value=look[0])

    def get_job_logs(self, _: str) -> str:
        """The same look's."""
        look = self.looks[0]
        assert not isinstance(look, Exception)
        if len(self.looks) > 1:
            self.looks.pop(0)
        return look[1]

    def list_jobs(self) -> list[Any]:
        """Every job of the cluster."""
        return self.others


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other without a pause."""
    monkeypatch.setattr("lossmith.experiments.running.jobs._POLL_S", 0.0)


@pytest.mark.usefixtures("at_once")
def test_a_job_whose_head_is_lost_is_followed_in_the_one_that_resumes_it() -> None:
    """The log goes on where the search does, and the user is told what happened in between."""
    other = SimpleNamespace(submission_id="two", metadata={"lossmith_search": "mine"}, start_time=2)
    stranger = SimpleNamespace(submission_id="x", metadata={"lossmith_search": "else"}, start_time=3)
    gone = ConnectionError("away")
    client: Any = Jobs(
        ("RUNNING", "a\n"), gone, ("RUNNING", "b\n"), ("SUCCEEDED", "b\nc\n"), others=[other, stranger]
    )
    written: list[str] = []
    notes: list[str] = []
    follow(client, "one", "mine", written.append, notes.append)
    assert "".join(written) == "a\nb\nc\n"
    assert client.asked[0] == "one"
    assert client.asked[-1] == "two"
    assert ["waiting until mine is resumed" in notes[0], notes[1]] == [True, "mine goes on as job two"]


@pytest.mark.usefixtures("at_once")
def test_what_a_job_waits_for_is_said() -> None:
    """A job that waits for the cluster's first worker says so to the one who launched it, once."""
    wait = "waiting for the cluster's first worker node, 300 s at most: it has none yet"
    client: Any = Jobs(("RUNNING", ""), ("RUNNING", f"{wait}\n"), ("RUNNING", f"{wait}\nheadroom: 78 trials"))
    notes: list[str] = []
    wait_until_begun(client, "one", notes.append)
    assert notes == [wait]
