"""What a trial costs beside its training, after few trials and after many: asking, keeping, showing.

A search is built with a history of so many trials in its store, its sampler and MLflow, and goes on for some
cohorts whose training takes no time. All of it is in one thread here, so the sum is an upper bound: MLflow is
fed behind a search.

    python benchmarks/history.py [--history 1000 100000] [--sampler auto] [--rounds 7] [--cpu] [--json FILE]

`--cpu` takes the time on a core instead of the wall-clock: on a machine that others use.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from lossmith.experiments.store import Store, new_owner
from lossmith.experiments.tracking.log_filters import set_environment
from lossmith.search.proposals.proposer import Proposer
from lossmith.search.proposals.samplers import SAMPLERS
from lossmith.search.records import Candidate, Outcome, Repeat, Trial, Unit
from lossmith.spaces import preset
from lossmith.spaces.recipe import Recipe

T = TypeVar("T")
WIDTH = 256
REPEATS = tuple(Repeat(seed) for seed in range(4))
PARTS = ("ask", "tell", "keep", "show")
TRAINING_MS = 11.7  # what a member of a small MLP's cohort takes on one core, for the trials a second


def trained(first: int, index: int, candidates: Sequence[Candidate]) -> Unit:
    """A cohort with outcomes made up of the learning rate."""
    scores = [(0.5 + c.recipe.rate, 0.6, 0.55, 0.5) for c in candidates]
    outcomes = [Outcome("complete", s, 20, ((5, s[0]), (10, s[0]))) for s in scores]
    made = (
        Trial(first + i, "explore", index, c, REPEATS, o)
        for i, (c, o) in enumerate(zip(candidates, outcomes, strict=True))
    )
    return Unit("explore", index, tuple(made))


class Bench:
    """A search with its store and MLflow in a folder."""

    def __init__(
        self, folder: Path, sampler: str, history: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        from mlflow import MlflowClient

        from lossmith.experiments.tracking.database import make_database
        from lossmith.experiments.tracking.parent import open_parent
        from lossmith.experiments.tracking.table_delivery import TableDelivery

        mlflow = f"sqlite:///{folder}/mlflow.db"
        make_database(mlflow)
        self._owner = new_owner()
        self._store = Store.open(f"sqlite:///{folder}/store.db")
        self._record = self._store.create("bench", {}, {"metric": "macro_f1"}, 0, self._owner)
        parent = open_parent(MlflowClient(mlflow), self._record, None)
        self._parent = parent.info.run_id
        self._delivery = TableDelivery(mlflow, str(parent.info.experiment_id))
        self._space = preset("imbalanced", "multiclass")
        self._search = Proposer(self._space, Recipe(), sampler=sampler, budget=history + 10_000, width=WIDTH)
        self._cohorts, self._clock = 0, clock
        self.trials = 0
        self.spent: dict[str, list[float]] = {part: [] for part in PARTS}

    def fill(self, history: int) -> None:
        """Cohorts of random points; their losses are those of the first ones, for time's sake."""
        random = SAMPLERS["random"](self._search.space, None)
        few = random.propose((), WIDTH, 0, 1)
        losses = [self._space.loss_at(point) for point in few]
        while self.trials < history:
            count = min(WIDTH, history - self.trials)
            points = random.propose((), count, self.trials, 2)
            recipes = [Recipe(learning_rate=point["recipe.learning_rate"]) for point in points]
            self._keep(
                [Candidate(s, r, point=p) for s, r, p in zip(losses, recipes, points, strict=False)], {}
            )
        self._search.asked = history

    def cohort(self) -> None:
        """One more cohort, measured."""
        spent: dict[str, float] = {}
        self._keep(self._timed(spent, "ask", lambda: self._search.ask(WIDTH)), spent)
        for part, seconds in spent.items():
            self.spent[part].append(seconds / WIDTH * 1e3)

    def _keep(self, candidates: Sequence[Candidate], spent: dict[str, float]) -> None:
        unit = trained(self.trials, self._cohorts, candidates)
        self._timed(spent, "tell", lambda: self._search.tell(unit.trials))
        self._timed(spent, "keep", lambda: self._store.save_unit(self._record.id, unit, self._owner))
        self._timed(spent, "show", self._show)
        self._cohorts += 1
        self.trials += len(candidates)

    def _show(self) -> None:
        from lossmith.experiments.tracking.documents import run_document

        page = self._store.untracked(self._record.id, WIDTH)
        runs = [run_document(stored, self._record, self._parent) for stored in page]
        self._store.mark_tracked(self._record.id, self._delivery.deliver(runs))

    def _timed(self, spent: dict[str, float], part: str, work: Callable[[], T]) -> T:
        started = self._clock()
        found = work()
        spent[part] = self._clock() - started
        return found


def main() -> None:
    """Measure, print, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--history", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--sampler", default="auto", choices=sorted(SAMPLERS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cpu", action="store_true", help="time on a core, not on the wall")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    set_environment()
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    with tempfile.TemporaryDirectory() as name:
        benches = []
        for history in options.history:
            folder = Path(name) / str(history)
            folder.mkdir()
            clock = time.thread_time if options.cpu else time.perf_counter
            benches.append(Bench(folder, options.sampler, history, clock))
            benches[-1].fill(history)
        for turn in range(options.rounds + 1):  # in turns, so that what else the machine does hits all alike
            for bench in benches:
                bench.cohort()
                if turn == 0:
                    bench.spent = {part: [] for part in PARTS}  # what is imported and compiled once
    rows = []
    for history, bench in zip(options.history, benches, strict=True):
        costs = {part: statistics.median(values) for part, values in bench.spent.items()}
        total = sum(costs.values())
        rows.append({"history": history, **costs, "all": total, "per_s": 1e3 / (TRAINING_MS + total)})
    machine = (
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"
    )
    on = " on a core" if options.cpu else ""
    print(f"{machine}, sampler {options.sampler}, cohorts of {WIDTH}; ms a trial{on}, medians")
    print(f"| history | {' | '.join(PARTS)} | all | trials/s at {TRAINING_MS} ms of training |")
    print("|---|" + "---|" * (len(PARTS) + 2))
    for row in rows:
        costs_text = " | ".join(f"{row[part]:.3f}" for part in (*PARTS, "all"))
        print(f"| {row['history']:,} | {costs_text} | {row['per_s']:.1f} |")
    print(
        f"trials per second after the last history: {rows[-1]['per_s'] / rows[0]['per_s']:.3f} of the first"
    )
    if options.json:
        options.json.write_text(
            json.dumps({"machine": machine, "sampler": options.sampler, "rows": rows}, indent=1)
        )


if __name__ == "__main__":
    main()
