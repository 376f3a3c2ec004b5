"""Trials per second on Ray with 1, 2 and 4 workers and simulated training; what keeping 10,000 trials adds.

    python benchmarks/cluster.py            # both parts; about five minutes on two cores
    python benchmarks/cluster.py --keep     # the bookkeeping alone

Training is simulated by sleeping, so four workers fit on two cores and what is measured is the way between
them: the driver's cuts and ranks, the queue, Ray. The gate of the bookkeeping: keeping 10,000 trials in the
store and bringing them to MLflow's database takes at most 20% of a training of 5 ms a trial, were nothing
of it done beside the training.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from torch import nn

from lossmith.experiments.store import Store, StoreLedger, new_owner
from lossmith.experiments.tracking import Tracker
from lossmith.losses import standard_specs
from lossmith.search import Candidate, Outcome, Plan, Recipe, Repeat, Task, Trial
from lossmith.search.records import RungSchedule, Unit
from lossmith.search.training.ray import Resources

EPOCHS, EPOCH_S, COHORT, REPEATS = 4, 0.02, 64, 4
RUNGS = RungSchedule((1, 2))
KEPT, TRAINED_S, GATE = 10_000, 0.005, 0.20


class Sleeping(nn.Linear):
    """Trains for EPOCH_S seconds an epoch."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits, after a while."""
        if self.training and len(inputs) > 3:
            time.sleep(EPOCH_S)
        return super().forward(inputs)


def task() -> Task:
    """One batch an epoch."""
    draw = torch.Generator().manual_seed(0)
    data = torch.randn(64, 4, generator=draw), torch.arange(64) % 3
    return Task(
        name="sleeping",
        kind="multiclass",
        train=data,
        validation=data,
        test=data,
        model=lambda: Sleeping(4, 3),
        metric="accuracy",
        recipe={"epochs": EPOCHS, "batch_size": 64},
    )


def candidates(count: int, recipe: Recipe) -> list[Candidate]:
    """Standard losses at many learning rates."""
    specs = list(standard_specs("multiclass").items())
    return [
        Candidate(
            specs[i % len(specs)][1],
            recipe.with_rate(1e-3 * (1 + i / count)),
            standard=specs[i % len(specs)][0],
        )
        for i in range(count)
    ]


def on_workers(workers: int) -> float:
    """Trials per second of a cohort over so many workers, each of which trains one model after another."""
    import ray
    from ray import cloudpickle

    from lossmith.search.training.ray import (
        on_ray,
        tune_workers,  # noqa: F401  (sets what Tune reads when it is imported)
    )

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    ray.init(
        address="local",
        num_cpus=workers,
        object_store_memory=200_000_000,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    made = task()
    runner = on_ray(made, Plan(), engine="loop", resources=Resources())
    losses, repeats = candidates(COHORT, made.settings), [Repeat(seed) for seed in range(REPEATS)]
    seconds = []
    for _ in range(4):  # the first one starts the workers
        started = time.monotonic()
        runner.train(losses, repeats, RUNGS, lambda _: None)
        seconds.append(time.monotonic() - started)
    runner.close()
    ray.shutdown()
    return COHORT / median(seconds[1:])


def keeping() -> tuple[float, float]:
    """Seconds until KEPT trials are kept and in MLflow, and those that training them would have taken."""
    losses = candidates(COHORT, Recipe())
    with tempfile.TemporaryDirectory() as folder:
        store, owner = Store.open(f"sqlite:///{Path(folder) / 'store.db'}"), new_owner()
        search = store.create("bench", {}, {"metric": "macro_f1"}, 0, owner)
        shown = f"sqlite:///{Path(folder) / 'mlflow.db'}"
        tracker = Tracker(store, search, shown, owner=owner, artifacts=Path(folder) / "artifacts")
        ledger = StoreLedger(store, search.id, owner, tracker.wake)
        tracker.start()
        tracker.flush()  # MLflow is imported and its database made: once, whatever the number of trials
        started = time.monotonic()
        for index in range(KEPT // COHORT):
            made = tuple(
                Trial(
                    index * COHORT + i,
                    "explore",
                    index,
                    candidate,
                    (Repeat(0), Repeat(1)),
                    Outcome("complete", (0.5, 0.6), 4),
                )
                for i, candidate in enumerate(losses)
            )
            ledger.find("explore", index)
            ledger.keep(Unit("explore", index, made))
        left = tracker.flush()
        seconds = time.monotonic() - started
        assert left == 0, tracker.problem
        tracker.stop()
        store.close()
    return seconds, KEPT * TRAINED_S


def main() -> int:
    """Print the figures; 1 when the gate is missed."""
    parser = argparse.ArgumentParser(description="What a cluster adds to training.")
    parser.add_argument("--keep", action="store_true", help="measure the bookkeeping alone")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    given = parser.parse_args()
    kept, trained = keeping()
    print(
        f"keeping {KEPT:,} trials, in MLflow too: {kept:.1f} s, {kept / trained:.1%} of {trained:.0f} s "
        f"of training (gate {GATE:.0%})"
    )
    if not given.keep:
        ideal = COHORT / (RUNGS.work(COHORT, EPOCHS) * REPEATS * EPOCH_S)
        for workers in given.workers:
            rate = on_workers(workers)
            print(
                f"{workers} workers: {rate:.1f} trials/s, "
                f"{rate / ideal / workers:.0%} of {ideal * workers:.1f}"
            )
    return int(kept / trained > GATE)


if __name__ == "__main__":
    raise SystemExit(main())
