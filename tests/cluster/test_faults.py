"""Everything that can die, dies: real processes, started by the compose file's own commands."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from lossmith.experiments.store import Store

from .compose import Compose, until
from .conftest import write_task

pytestmark = pytest.mark.cluster
KILLS = int(os.environ.get("LOSSMITH_TEST_KILLS", "20"))
BEGIN_S, END_S = 180.0, 900.0


@pytest.fixture(scope="module")
def up(compose: Compose) -> Compose:
    """PostgreSQL, MLflow, a head and two workers."""
    compose.start_all("one", "two")
    return compose


@pytest.fixture(scope="module")
def undisturbed(up: Compose) -> dict[str, Any]:
    """The search of this module, run in peace on this machine."""
    write_task(up.folder)
    done = up.lossmith("search", "clouds.yaml", "--name", "peace", "--json", timeout=END_S, env=driver(up))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def driver(up: Compose) -> dict[str, str]:
    """The environment of a driver outside a job: what the head has, and where the cluster is."""
    return up.environment("ray-head") | {"RAY_ADDRESS": f"127.0.0.1:{up.ports['6379']}"}


def launched(up: Compose, name: str, pause: float) -> None:
    """A search running on the cluster, slow enough that something can happen to it."""
    write_task(up.folder, pause)
    done = up.lossmith("launch", "clouds.yaml", "--name", name, timeout=BEGIN_S)
    assert done.returncode == 0, done.stdout + done.stderr


def status(up: Compose, name: str) -> dict[str, Any]:
    """What `show --json` says from a laptop."""
    done = up.lossmith("show", name, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def finished(up: Compose, name: str) -> dict[str, Any]:
    """Wait for the end of a search."""
    with Store.open(up.store_url) as store:
        until(lambda: store.get(name).status not in ("running", "interrupted"), END_S, f"{name} to end")
    return status(up, name)


def units(up: Compose, name: str) -> int:
    """How many pieces of the search are kept."""
    with Store.open(up.store_url) as store:
        return len(store.units(store.get(name).id))


def went_on(up: Compose, name: str, before: int) -> bool:
    """Whether a search has kept more, or has ended."""
    return units(up, name) > before or status(up, name)["status"] != "running"


def whole(found: dict[str, Any], peace: dict[str, Any]) -> None:
    """No trial is lost, none is there twice, and the search ended where the undisturbed one did."""
    assert found["status"] == "finished", found["reason"]
    assert [t["number"] for t in found["trials"]] == [t["number"] for t in peace["trials"]]
    assert [t["scores"] for t in found["trials"]] == [t["scores"] for t in peace["trials"]]
    assert found["verdict"]["winner"] == peace["verdict"]["winner"]


def children(up: Compose, name: str) -> Counter[str]:
    """How often each trial of a search is shown in MLflow, once everything has arrived."""
    import mlflow

    client = mlflow.MlflowClient(up.mlflow)
    with Store.open(up.store_url) as store:
        record = store.get(name)
        assert store.count_untracked(record.id) == 0
    runs: list[Any] = []
    token = None
    while True:
        page = client.search_runs(
            [str(record.experiment_id)],
            f"tags.`mlflow.parentRunId` = '{record.run_id}'",
            max_results=1000,
            page_token=token,
        )
        runs, token = [*runs, *page], page.token
        if not token:
            break
    assert not [run for run in runs if run.info.status == "RUNNING"]
    return Counter(run.data.tags["lossmith.trial"].rpartition("/")[2] for run in runs)


MARKED = """

import os
from pathlib import Path


class Marked(Slow):
    def forward(self, inputs):
        if self.training and "RAY_RAYLET_PID" in os.environ:
            Path({marks!r}, os.environ["RAY_RAYLET_PID"]).touch()
        return super().forward(inputs)


def marked():
    made = clouds()
    object.__setattr__(made, "model", lambda: Marked(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)))
    return made
"""


def test_two_workers_find_what_one_machine_finds(up: Compose, undisturbed: dict[str, Any]) -> None:
    """Trained on two nodes, a seeded search has every trial, rung and verdict of one machine, bit for bit."""
    spec, marks = write_task(up.folder, pause=0.01), up.folder / "marks"
    marks.mkdir()
    spec.write_text(spec.read_text().replace("clouds.py:clouds", "clouds.py:marked"))
    with (up.folder / "clouds.py").open("a") as file:
        file.write(MARKED.format(marks=str(marks)))
    words = ["search", "clouds.yaml", "--name", "shared", "--runner", "ray", "--json"]
    done = up.lossmith(*words, timeout=END_S, env=driver(up))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(list(marks.iterdir())) == 2  # by the nodes on which something was trained
    assert found["trials"] == undisturbed["trials"]
    assert found["verdict"] == undisturbed["verdict"]


def test_a_worker_node_is_killed_again_and_again(up: Compose, undisturbed: dict[str, Any]) -> None:
    """What loses its node mid-cohort goes on at another; the search ends as if nothing had happened."""
    launched(up, "nodes", pause=0.05)
    for turn, victim in enumerate(("one", "two", "three")):
        before = units(up, "nodes")
        up.start_worker(("three", "four", "five")[turn])
        up.stop(victim)
        until(partial(went_on, up, "nodes", before), END_S, "work")
    whole(finished(up, "nodes"), undisturbed)


def test_postgres_is_away_for_30_seconds(up: Compose, undisturbed: dict[str, Any]) -> None:
    """The search waits for its database and goes on; nothing is lost and nothing crashes."""
    launched(up, "database", pause=0.02)
    up.stop("postgres", signal.SIGINT)
    time.sleep(30)
    up.start_postgres()
    whole(finished(up, "database"), undisturbed)


def test_mlflow_is_away(up: Compose, undisturbed: dict[str, Any]) -> None:
    """A search does not wait for MLflow; what it missed is delivered once, afterwards."""
    launched(up, "mlflow", pause=0.02)
    up.stop("mlflow")
    found = finished(up, "mlflow")
    whole(found, undisturbed)
    up.start_mlflow()
    resumed = up.lossmith("resume", "mlflow", env=driver(up), timeout=END_S)
    assert resumed.returncode == 0, resumed.stderr
    assert children(up, "mlflow") == Counter(str(t["number"]) for t in found["trials"])


def test_mlflow_is_slow(up: Compose, undisturbed: dict[str, Any]) -> None:
    """Where MLflow takes 2 s a call the search is done long before it; later it has every trial, once."""
    write_task(up.folder)
    with slowed(up.mlflow, seconds=2.0) as address:
        environment = driver(up) | {"MLFLOW_TRACKING_URI": address}
        words = ["search", "clouds.yaml", "--name", "slow", "--json"]
        with (up.folder / "slow.json").open("wb") as file:
            running = up.started(*words, env=environment, stdout=file)
        with Store.open(up.store_url) as store:
            until(lambda: "slow" in store.names(), BEGIN_S, "the search to begin")
            record = store.get("slow")
            until(lambda: store.unit(record.id, "verdict", 0), END_S, "the verdict")
            assert store.count_untracked(record.id) > 0  # else it may have waited
        assert running.wait(END_S) == 0
    whole(json.loads((up.folder / "slow.json").read_text()), undisturbed)
    resumed = up.lossmith("resume", "slow", env=driver(up), timeout=END_S)
    assert resumed.returncode == 0, resumed.stderr
    assert children(up, "slow") == Counter(str(t["number"]) for t in undisturbed["trials"])


def test_the_head_is_killed(up: Compose, undisturbed: dict[str, Any]) -> None:
    """A search whose head died is interrupted within a minute, and the supervisor brings it to its end."""
    launched(up, "head", pause=0.05)
    up.start("supervise")
    for name in [n for n in up.processes if n not in ("postgres", "mlflow", "supervise")]:
        up.stop(name)
    died = time.monotonic()
    until(lambda: status(up, "head")["status"] == "interrupted", 75, "it to show as interrupted")
    assert time.monotonic() - died < 75  # a minute, and what asking takes
    up.start_head()
    for name in ("six", "seven"):
        up.start_worker(name)
    whole(finished(up, "head"), undisturbed)
    up.stop("supervise")


def test_the_driver_is_killed_many_times(
    up: Compose, undisturbed: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    """Killed with -9 at random moments and resumed, a search has every trial once, in MLflow too."""
    write_task(up.folder, 0.005)
    draw = random.Random(0)
    names, kills, died = ["killed-0"], 0, Counter[str]()
    with Store.open(up.store_url) as store:
        while kills < KILLS:
            name = names[-1]
            begun = store.get(name) if name in store.names() else None
            words = ["resume", name] if begun else ["search", "clouds.yaml", "--name", name]
            running = up.started(*words, "--runner", "ray", env=driver(up))
            until(
                partial(claimed, store, name, begun.owner if begun else None, running),
                BEGIN_S,
                "the search to begin",
            )
            wanted = units(up, name) + draw.randint(0, 3)  # so that deaths are spread over the phases
            until(partial(kept_more, up, name, wanted, running), END_S, "work")
            with suppress(subprocess.TimeoutExpired):
                running.wait(draw.uniform(0.0, 2.0))
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
                kills += 1
                kept = store.units(store.get(name).id)
                died[kept[-1].phase if kept else "nothing"] += 1
            else:
                assert running.returncode == 0
                names.append(f"killed-{len(names)}")
    for name in names:
        if name in up.lossmith("list").stdout:
            last = up.lossmith("resume", name, "--runner", "ray", env=driver(up), timeout=END_S)
            assert last.returncode == 0, last.stderr
            found = status(up, name)
            whole(found, undisturbed)
            assert children(up, name) == Counter(str(t["number"]) for t in found["trials"])
    record_property("killed in", dict(died))  # the phase of what was kept last, and how often


def kept_more(up: Compose, name: str, wanted: int, running: subprocess.Popen[bytes]) -> bool:
    """Whether the search has kept so many pieces, or its driver has ended."""
    return running.poll() is not None or units(up, name) >= wanted


def claimed(store: Store, name: str, before: str | None, running: subprocess.Popen[bytes]) -> bool:
    """Whether a driver that was started has a search in its hands, or has ended."""
    return running.poll() is not None or (name in store.names() and store.get(name).owner != before)


def test_two_launches_at_the_same_moment_do_not_mix(up: Compose, undisturbed: dict[str, Any]) -> None:
    """Two people launch at once: two searches, each with its own trials; one name is given to one of them."""
    write_task(up.folder)
    results: list[Any] = [None, None, None]

    def run(place: int, name: str) -> None:
        results[place] = up.lossmith("launch", "clouds.yaml", "--name", name, timeout=END_S)

    threads = [
        threading.Thread(target=run, args=(i, n)) for i, n in enumerate(("pair-a", "pair-b", "pair-b"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0].returncode == 0, results[0].stderr
    assert sorted(r.returncode for r in results[1:]) == [0, 2], [r.stderr for r in results]
    refused = next(r for r in results[1:] if r.returncode)
    assert "pair-b" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    for name in ("pair-a", "pair-b"):
        whole(finished(up, name), undisturbed)


def test_a_full_disk_for_artifacts(up: Compose, undisturbed: dict[str, Any]) -> None:
    """Where MLflow's disk is full the search ends with its verdict, says so, and the report comes later."""
    place = up.folder / "small"
    place.mkdir()
    try:
        with small_disk(place) as fill:
            up.stop("mlflow")
            environment = up.environment("mlflow") | {"LOSSMITH_ARTIFACTS": str(place)}
            up.start("mlflow", extra=("--workers", "1"), env=environment)
            up.wait_for_mlflow()
            write_task(up.folder)
            done = up.lossmith(
                "search", "clouds.yaml", "--name", "full", "--json", env=driver(up), timeout=END_S
            )
            assert done.returncode == 0, done.stderr
            whole(json.loads(done.stdout), undisturbed)
            assert "MLflow has not taken the report yet" in done.stderr
            fill.unlink()
            resumed = up.lossmith("resume", "full", env=driver(up), timeout=END_S)
            assert resumed.returncode == 0, resumed.stderr
            assert "has not taken" not in resumed.stderr
            assert list(place.rglob("report.html"))
            assert children(up, "full") == Counter(str(t["number"]) for t in undisturbed["trials"])
            up.stop("mlflow")
    finally:
        up.stop("mlflow")
        up.start_mlflow()


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A volume of 64 MiB that a file fills to the last byte; the file, to be removed."""
    if os.geteuid() != 0:
        pytest.skip("a full disk needs a volume of its own, and only root may mount one")
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a volume cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        fill = place / "fill"
        with fill.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        yield fill
    finally:
        subprocess.run(["/bin/umount", "-l", str(place)], check=True)


@contextmanager
def slowed(target: str, seconds: float) -> Iterator[str]:
    """The address of a server that hands every request on after so many seconds."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            time.sleep(seconds)
            kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
            request = Request(target + self.path, body or None, kept, method=self.command)
            try:
                with urlopen(request, timeout=60) as found:
                    status, headers, content = found.status, found.headers, found.read()
            except HTTPError as error:
                status, headers, content = error.code, error.headers, error.read()
            self.send_response(status)
            self.send_header("Content-Type", headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  (as the base class names them)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
