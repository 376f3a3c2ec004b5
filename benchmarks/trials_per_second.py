"""Trials per second: lossmith against Optuna with a process per core, and against Ray Tune with OptunaSearch.

The same work for each: losses from the multiclass space, digits (1,437 training samples), MLP 64-H-H-10,
batch 64, 10 epochs, Adam, one seed, no pruning, macro-F1 on 360 samples. Everyone keeps books: lossmith keeps
keeps trials in SQLite and feeds MLflow, the others keep them in Optuna's journal and in Tune's folder.

    python benchmarks/trials_per_second.py [--rounds 3] [--json FILE]
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lossmith.experiments.store import Store, StoreLedger, new_owner
from lossmith.experiments.tracking import Tracker
from lossmith.losses import freeze
from lossmith.search import Candidate, Plan, Repeat, Search, Task, Unit
from lossmith.search.cohort import Trainer
from lossmith.search.ledger import recall
from lossmith.search.runners.local import local
from lossmith.search.trial import Trial
from lossmith.spaces import preset

CORES = len(os.sched_getaffinity(0))
EPOCHS, BATCH = 10, 64


@dataclass(frozen=True)
class Rate:
    """Trials per second of each contestant in one round."""

    lossmith: float
    optuna: float
    ray: float | None


def digits(hidden: int) -> Task:
    """Digits with an MLP of two hidden layers."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    x, xv, y, yv = train_test_split(images / 16, labels, test_size=360, random_state=0, stratify=labels)
    return Task(
        name=f"digits-{hidden}",
        kind="multiclass",
        train=(x, y),
        validation=(xv, yv),
        test=(xv, yv),
        model=lambda: nn.Sequential(
            nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 10)
        ),
        metric="macro_f1",
        recipe={"epochs": EPOCHS, "batch_size": BATCH},
    )


def search_on(task: Task, budget: int) -> Search:
    """The search whose space all contestants share."""
    return Search(preset("multiclass", "multiclass"), task.settings, budget=budget)


def lossmith(hidden: int, trials: int) -> float:
    """Trials per second through sampler, cohorts, store and MLflow, the last flush included."""
    task = digits(hidden)
    search, trainer = search_on(task, trials), local(task, Plan())
    with tempfile.TemporaryDirectory() as folder:
        store, owner = Store.open(f"sqlite:///{folder}/store.db"), new_owner()
        record = store.create("bench", {}, task.describe(), 0, owner)
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
    return trials / seconds


def _train(trainer: Trainer, candidates: list[Candidate], repeats: tuple[Repeat, ...], done: int) -> Unit:
    outcomes = trainer.train(candidates, repeats)
    trials = (
        Trial(done + i, "explore", 0, candidate, repeats, outcome)
        for i, (candidate, outcome) in enumerate(zip(candidates, outcomes, strict=True))
    )
    return Unit("explore", done, tuple(trials))


def plain_loop(task: Task, candidate: Candidate) -> float:
    """What a user writes today: one model, one loss, one loop; macro-F1 on the validation part."""
    model = task.build(0)
    loss = freeze(candidate.spec.bind(torch.bincount(task.train[1]).tolist()))
    optimizer = torch.optim.Adam(model.parameters(), lr=candidate.recipe.rate)
    inputs, targets = task.train
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(targets)).split(BATCH):
            optimizer.zero_grad()
            loss(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        outputs = model(task.validation[0])
    return float(task.measure(outputs[None].nan_to_num(), task.validation[1])[0])


def _optuna_process(hidden: int, trials: int, journal: str, ready: Any, go: Any) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    task = digits(hidden)
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


def optuna_processes(hidden: int, trials: int) -> float:
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
            spawn.Process(target=_optuna_process, args=(hidden, share, journal, ready, go))
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


def ray_tune(hidden: int, trials: int) -> float:
    """Trials per second of Ray Tune with OptunaSearch, one CPU a trial; the start of Ray is not counted."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    import optuna
    import ray
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    task = digits(hidden)
    search = search_on(task, trials)
    data, space = (task.train, task.validation), search.space

    def train(config: dict[str, float]) -> None:
        torch.set_num_threads(1)
        again = digits(hidden)
        recipe = again.settings.with_rate(space.learning_rate_at(config, 1e-3))
        tune.report({"score": plain_loop(again, Candidate(space.loss_at(config), recipe))})

    del data
    with tempfile.TemporaryDirectory() as folder:
        ray.init(num_cpus=CORES, include_dashboard=False, log_to_driver=False, logging_level="error")
        try:
            ray.get(ray.remote(lambda: digits(hidden).describe()).remote())
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


def main() -> None:
    """Run the rounds and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hidden", type=int, nargs="+", default=[32, 128])
    parser.add_argument(
        "--trials", type=int, nargs=3, default=[512, 64, 24], help="lossmith, Optuna, Ray Tune"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    ours, theirs, rays = options.trials
    rows = []
    for hidden in options.hidden:
        rounds = []
        for index in range(options.rounds):
            rate = Rate(
                lossmith(hidden, ours),
                optuna_processes(hidden, theirs),
                ray_tune(hidden, rays) if index == 0 else None,
            )
            print(f"H={hidden} round {index + 1}: {rate}", flush=True)
            rounds.append(rate)
        own = statistics.median(r.lossmith for r in rounds)
        optuna = statistics.median(r.optuna for r in rounds)
        ray = statistics.median(r.ray for r in rounds if r.ray is not None)
        rows.append({"hidden": hidden, "lossmith": own, "optuna": optuna, "ray": ray,
                     "over_optuna": own / optuna, "over_ray": own / ray})  # fmt: skip
    result = {
        "machine": f"{platform.machine()}, {CORES} cores",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "date": time.strftime("%Y-%m-%d"),
        "rows": rows,
    }
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    print(f"\n{result['machine']}, {result['date']}, torch {torch.__version__}; trials per second, medians")
    print("|  H  | lossmith | Optuna, process per core | Ray Tune, OptunaSearch | over Optuna | over Ray |")
    print("|---|---|---|---|---|---|")
    for r in rows:
        rates = f"{r['lossmith']:.1f} | {r['optuna']:.1f} | {r['ray']:.2f}"
        print(f"| {r['hidden']} | {rates} | {r['over_optuna']:.1f}x | {r['over_ray']:.0f}x |")


if __name__ == "__main__":
    main()
