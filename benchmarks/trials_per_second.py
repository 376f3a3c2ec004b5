"""Trials per second: lossmith against Optuna with a process per core, and against Ray Tune with OptunaSearch.

The same work for each: losses from the multiclass space, one seed, no pruning, macro-F1 on held-out samples.
Everyone keeps books: lossmith keeps trials in SQLite and feeds MLflow, the others keep them in Optuna's
journal and in Tune's folder. Starting processes is not counted.

    python benchmarks/trials_per_second.py [--work mlp128 mlp32 heads heads2 cnn] [--rounds 3] [--ray]
                                           [--json FILE] [--beside FILE ...] [--docs docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lossmith.experiments.store import Store, StoreLedger, new_owner
from lossmith.experiments.tracking import Tracker
from lossmith.losses import freeze
from lossmith.search import Candidate, Plan, Proposer, Repeat, Task, Unit
from lossmith.search.records import Trial, recall
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.search.training.local import local
from lossmith.spaces import preset

CORES = len(os.sched_getaffinity(0))
FASHION = Path("/usr/share/datasets/fashion-mnist")
START, END = "<!-- trials per second -->", "<!-- end of trials per second -->"


@dataclass(frozen=True)
class Rate:
    """Trials per second of each contestant in one round."""

    lossmith: float
    optuna: float
    ray: float | None


@dataclass(frozen=True)
class Work:
    """What is trained: a task, and how many trials of it lossmith, Optuna and Ray Tune are given."""

    about: str
    task: Callable[[], Task]
    trials: tuple[int, int, int]


def task_of(
    data: tuple[Any, ...], model: Callable[[], nn.Module], name: str, epochs: int, batch: int
) -> Task:
    """Training and held-out samples (x, y, xv, yv) as a task; nothing here reads the test part."""
    x, y, xv, yv = data
    return Task(
        name=name,
        kind="multiclass",
        train=(x, y),
        validation=(xv, yv),
        test=(xv, yv),
        model=model,
        metric="macro_f1",
        recipe={"epochs": epochs, "batch_size": batch},
    )


def digits(hidden: int) -> Task:
    """Digits (1,437 training samples) with an MLP of two hidden layers."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    x, xv, y, yv = train_test_split(images / 16, labels, test_size=360, random_state=0, stratify=labels)

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 10)
        )

    return task_of((x, y, xv, yv), model, f"digits-{hidden}", 10, 64)


def heads(hidden: int) -> Task:
    """10,000 samples of 512 features in 100 overlapping clouds, as a frozen network would give them."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(10_000) % 100
    x = torch.randn(100, 512, generator=draw)[labels] * 0.25 + torch.randn(10_000, 512, generator=draw)

    def model() -> nn.Module:
        if not hidden:
            return nn.Sequential(nn.Linear(512, 100))
        return nn.Sequential(nn.Linear(512, hidden), nn.ReLU(), nn.Linear(hidden, 100))

    return task_of((x[:8000], labels[:8000], x[8000:], labels[8000:]), model, "heads", 5, 128)


def fashion() -> Task:
    """5,000 images of Fashion-MNIST (Debian's dataset-fashion-mnist) with two small convolutions."""
    import gzip

    import numpy as np

    def read(name: str, header: int) -> Any:
        with gzip.open(FASHION / f"{name}.gz") as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    x = torch.tensor(read("train-images-idx3-ubyte", 16)[: 6000 * 784] / 255.0, dtype=torch.float32)
    y = torch.tensor(read("train-labels-idx1-ubyte", 8)[:6000].astype(np.int64))
    x = x.view(-1, 1, 28, 28)

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(400, 10),
        )

    return task_of((x[:5000], y[:5000], x[5000:], y[5000:]), model, "fashion", 2, 64)


WORK = {
    "mlp128": Work("digits, 64-128-128-10", lambda: digits(128), (512, 64, 24)),
    "mlp32": Work("digits, 64-32-32-10", lambda: digits(32), (512, 64, 24)),
    "heads": Work("linear head, 512 features, 100 classes", lambda: heads(0), (256, 32, 12)),
    "heads2": Work("two-layer head 512-128-100", lambda: heads(128), (128, 32, 12)),
    "cnn": Work("Fashion-MNIST, 5,000 images, small CNN", fashion, (32, 32, 8)),
}


def search_on(task: Task, budget: int) -> Proposer:
    """The search whose space all contestants share."""
    return Proposer(preset("multiclass", "multiclass"), task.settings, budget=budget)


def lossmith(work: Work, trials: int) -> tuple[float, str]:
    """Trials per second through sampler, cohorts, store and MLflow, the last flush included; the engine."""
    task = work.task()
    search, trainer = search_on(task, trials), local(task, Plan())
    with tempfile.TemporaryDirectory() as folder:
        store, owner = Store.open(f"sqlite:///{folder}/store.db"), new_owner()
        record = store.create("bench", {}, task.describe().to_json(), 0, owner)
        tracker = Tracker(store, record, f"sqlite:///{folder}/mlflow.db", artifacts=Path(folder)).start()
        tracker.flush()  # MLflow's schema is made once for a place, not once for a search
        ledger = StoreLedger(store, record.id, owner, tracker.wake)
        started = time.perf_counter()
        done = 0
        repeats = (Repeat(0),)
        while done < trials:
            candidates = search.ask(min(Plan().width * 4, trials - done))
            unit = recall(ledger, "explore", done, lambda: _train(trainer, candidates, repeats, done))  # noqa: B023
            search.tell(unit.trials)
            done += len(unit.trials)
        left = tracker.flush()
        seconds = time.perf_counter() - started
        assert left == 0, tracker.problem
        tracker.stop()
        trainer.close()
        store.close()
    engine = trainer.choice.engine if trainer.choice else trainer.engine
    return trials / seconds, f"{engine}, {trainer.width()} wide" if engine == "cohort" else engine


def _train(trainer: Trainer, candidates: list[Candidate], repeats: tuple[Repeat, ...], done: int) -> Unit:
    measured = trainer.train(candidates, repeats)
    trials = (
        Trial(done + i, "explore", 0, candidate, repeats, found.outcome)
        for i, (candidate, found) in enumerate(zip(candidates, measured, strict=True))
    )
    return Unit("explore", done, tuple(trials))


def plain_loop(task: Task, candidate: Candidate) -> float:
    """What a user writes today: one model, one loss, one loop; macro-F1 on the validation part."""
    model = task.build(0)
    loss = freeze(candidate.spec.bind(torch.bincount(task.train[1]).tolist()))
    optimizer = torch.optim.Adam(model.parameters(), lr=candidate.recipe.rate)
    inputs, targets = task.train
    for _ in range(candidate.recipe.epochs):
        for rows in torch.randperm(len(targets)).split(candidate.recipe.batch_size):
            optimizer.zero_grad()
            loss(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        outputs = model(task.validation[0])
    return float(task.measure(outputs[None].nan_to_num(), task.validation[1])[0])


def _optuna_process(name: str, trials: int, journal: str, ready: Any, go: Any) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    task = WORK[name].task()
    search = search_on(task, trials)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(journal))
    study = optuna.load_study(study_name="bench", storage=storage)
    distributions = search.space.distributions()
    plain_loop(task, search.ask(1)[0])
    ready.release()
    go.wait()

    def objective(trial: optuna.Trial) -> float:
        point = {
            name: trial.suggest_float(name, d.low, d.high, log=d.log) for name, d in distributions.items()
        }
        recipe = task.settings.with_rate(search.space.learning_rate_at(point, 1e-3))
        return plain_loop(task, Candidate(search.space.loss_at(point), recipe))

    study.optimize(objective, n_trials=trials)


def optuna_processes(name: str, trials: int) -> float:
    """Trials per second of Optuna (TPE, journal storage) with one process per core; start-up not counted."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        journal = f"{folder}/journal.log"
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(journal))
        optuna.create_study(study_name="bench", storage=storage, direction="maximize")
        ready, go = spawn.Semaphore(0), spawn.Event()
        share = trials // CORES
        workers = [
            spawn.Process(target=_optuna_process, args=(name, share, journal, ready, go))
            for _ in range(CORES)
        ]
        for worker in workers:
            worker.start()
        for _ in workers:
            ready.acquire()
        started = time.perf_counter()
        go.set()
        for worker in workers:
            worker.join()
        return share * CORES / (time.perf_counter() - started)


def ray_tune(name: str, trials: int) -> float:
    """Trials per second of Ray Tune with OptunaSearch, one CPU a trial; the start of Ray is not counted."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    import optuna
    import ray
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    work = WORK[name]
    space = search_on(work.task(), trials).space

    def train(config: dict[str, float]) -> None:
        torch.set_num_threads(1)
        again = work.task()
        recipe = again.settings.with_rate(space.learning_rate_at(config, 1e-3))
        tune.report({"score": plain_loop(again, Candidate(space.loss_at(config), recipe))})

    with tempfile.TemporaryDirectory() as folder:
        ray.init(num_cpus=CORES, include_dashboard=False, log_to_driver=False, logging_level="error")
        try:
            ray.get(ray.remote(lambda: work.task().describe()).remote())
            started = time.perf_counter()
            tune.Tuner(
                train,
                tune_config=tune.TuneConfig(
                    metric="score",
                    mode="max",
                    num_samples=trials,
                    search_alg=OptunaSearch(space=space.distributions(), metric="score", mode="max"),
                    max_concurrent_trials=CORES,
                ),
                run_config=tune.RunConfig(storage_path=folder, verbose=0),
            ).fit()
            return trials / (time.perf_counter() - started)
        finally:
            ray.shutdown()


def measured(name: str, rounds: int, scale: float, *, with_ray: bool) -> dict[str, Any]:
    """The medians of one work over some rounds, every contestant in each; Ray Tune in the first alone."""
    work = WORK[name]
    ours, theirs, rays = (max(CORES, round(trials * scale)) for trials in work.trials)
    rates, engine = [], ""
    for index in range(rounds):
        own, engine = lossmith(work, ours)
        rate = Rate(
            own, optuna_processes(name, theirs), ray_tune(name, rays) if with_ray and not index else None
        )
        print(f"{name} round {index + 1}: {rate} ({engine})", flush=True)
        rates.append(rate)
    own, optuna = (statistics.median(getattr(r, who) for r in rates) for who in ("lossmith", "optuna"))
    row = {"work": name, "about": work.about, "engine": engine, "lossmith": own, "optuna": optuna}
    row |= {"over_optuna": own / optuna, "ray": rates[0].ray}
    return row | {"over_ray": own / rates[0].ray if rates[0].ray else None}


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        "| work | engine | lossmith | Optuna, process per core | Ray Tune | over Optuna | over Ray |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in result["rows"]:
        ray = ("", "") if r["ray"] is None else (f"{r['ray']:.2f}", f"{r['over_ray']:.0f}x")
        rates = f"{r['lossmith']:.1f} | {r['optuna']:.1f} | {ray[0]} | {r['over_optuna']:.1f}x | {ray[1]}"
        lines.append(f"| {r['about']} | {r['engine']} | {rates} |")
    foot = (
        f"{result['date']}, {result['machine']}, {result['versions']}; trials per second, {result['command']}"
    )
    return "\n".join([*lines, "", foot])


def main() -> None:
    """Run the rounds; print medians and ratios, and write them where they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", nargs="*", choices=WORK, default=list(WORK))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="trials of each, times this")
    parser.add_argument("--ray", action="store_true", help="Ray Tune too, in the first round")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--beside", nargs="+", type=Path, default=[], help="rows of earlier runs' --json too")
    parser.add_argument("--docs", type=Path, help="a Markdown file whose table is replaced")
    options = parser.parse_args()
    rows = [row for file in options.beside for row in json.loads(file.read_text())["rows"]]
    rows += [measured(name, options.rounds, options.scale, with_ray=options.ray) for name in options.work]
    result = {
        "machine": f"{platform.machine()}, {CORES} cores",
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}",
        "date": time.strftime("%Y-%m-%d"),
        "command": f"medians of {options.rounds} rounds",
        "rows": rows,
    }
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    print(f"\n{table(result)}")
    if options.docs:
        text = options.docs.read_text(encoding="utf-8")
        before, rest = text.split(START)
        options.docs.write_text(
            f"{before}{START}\n{table(result)}\n{END}{rest.split(END)[1]}", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
