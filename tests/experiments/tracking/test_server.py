"""A search that is shown by an MLflow server."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from mlflow import MlflowClient

from lossmith.experiments.store import SearchRecord, Store
from lossmith.experiments.tracking import Tracker
from lossmith.search.records import Trial

from ..conftest import made_verdict

pytestmark = pytest.mark.cluster


@pytest.fixture
def server(tracking_uri: str, tmp_path: Path) -> Iterator[str]:
    """The address of a server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stored = ["--backend-store-uri", tracking_uri, "--artifacts-destination", str(tmp_path / "served")]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *stored]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(300):
            try:
                urlopen(f"http://127.0.0.1:{port}/health").close()
                break
            except URLError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def test_a_server_gets_a_child_for_each_trial(
    server: str,
    store: Store,
    search: SearchRecord,
    keep: Callable[[int], list[Trial]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Through a server too, trials, verdict and files arrive, and nothing is written to the terminal."""
    keep(6)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "loss.json").write_text("{}")
    with Tracker(store, search, server) as tracker:
        tracker.finish(made_verdict(difference=0.1), tmp_path / "made")
        assert tracker.flush() == 0, tracker.problem
    assert capfd.readouterr() == ("", "")
    client, found = MlflowClient(server), store.get("digits-1")
    assert found.experiment_id is not None
    assert len(client.search_runs([found.experiment_id])) == 7
    parent = client.get_run(found.run_id or "")
    assert parent.data.metrics["verdict.difference"] == 0.1
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["loss.json"]
