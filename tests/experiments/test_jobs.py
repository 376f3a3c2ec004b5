"""Who may launch on whose cluster: versions must agree, and where they do not one line says what to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lossmith.experiments.running.jobs import ADDRESS, LAUNCHER, check_launcher, client_for
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
