"""What saturates first on 1,000 workers and 10 million trials: costs measured, the cluster simulated.

    python benchmarks/cluster_scale.py           # a minute on one core, in CPU time
    python benchmarks/cluster_scale.py --ray     # what scoring costs the driver of two real workers

Measured here, with the code that a search runs: what a worker does for an item beside training (score its
models), what the driver does for an item (read the scores and take them into the cohort's bracket) and for a
trial (ask, keep, remember), what the queue does for a worker. Simulated: cohorts on 1 to 1,000 workers that
train 64 models for ten seconds an item, three legs to a cohort, with a rank after each. Items end within a
tenth of each other, the driver takes them one by one, and nobody trains until the last is taken. Beside it,
what a driver would allow that is sent outputs and scores them itself, as lossmith did before 0.2.
"""

from __future__ import annotations

import argparse
import logging
import random
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import torch
from ray import cloudpickle
from torch import nn

from lossmith.experiments.store import Store, StoreLedger, new_owner
from lossmith.search import Candidate, Outcome, Plan, Repeat, Task, Trial
from lossmith.search.method.pipeline import proposer_for
from lossmith.search.records import Measurement, RungSchedule, Unit
from lossmith.search.tasks.splits import split_for
from lossmith.search.training.bracket import Bracket, Scored
from lossmith.search.training.engines.autotune import EngineChoice
from lossmith.search.training.program import Job
from lossmith.search.training.ray import on_ray
from lossmith.search.training.ray.lease_queue import LeaseQueue
from lossmith.search.training.ray.remote_program import ReplayedProgram, WorkResult
from lossmith.search.training.ray.tune_workers import read
from lossmith.search.training.scored_program import ScoredProgram, program_maker
from lossmith.spaces import space_from

WORKERS = (1, 10, 100, 300, 1000)
TRIALS, MODELS, REPEATS, LEGS, ITEM_S = 10_000_000, 64, 4, 3, 10.0
HELD_OUT, CLASSES = 1000, 10
RENEW_S = 1.0  # how often a worker says that it goes on, as in search/training/ray/tune_workers.py
CALL_S = 2e-4  # what an actor of Ray takes to answer, beside the work itself; assumed


@dataclass(frozen=True)
class Costs:
    """What was measured, in seconds on a processor and bytes.

    Args:
        score_s: A worker's, for scoring the models of an item.
        take_s: The driver's, for the scores of an item.
        take_outputs_s: The driver's, for the outputs of an item, which it would then have to score too.
        ask_s: The driver's, for proposing a trial.
        keep_s: The driver's, for keeping a trial.
        queue_s: The queue's, for an item.
        row_bytes: Of a kept trial.
        remembered_bytes: Of a trial in the driver's memory.
    """

    score_s: float
    take_s: float
    take_outputs_s: float
    ask_s: float
    keep_s: float
    queue_s: float
    row_bytes: float
    remembered_bytes: float


def spent(work: Callable[[], object], times: int = 1) -> float:
    """Seconds of this process on the processor, the least of three tries."""
    tries = []
    for _ in range(3):
        started = time.process_time()
        for _ in range(times):
            work()
        tries.append((time.process_time() - started) / times)
    return min(tries)


def task() -> Task:
    """As many classes and held-out samples as are simulated."""
    draw = torch.Generator().manual_seed(0)
    data = torch.randn(HELD_OUT, 4, generator=draw), torch.arange(HELD_OUT) % CLASSES
    return Task(
        name="scale",
        kind="multiclass",
        train=data,
        validation=data,
        test=data,
        model=lambda: nn.Linear(4, CLASSES),
        metric="macro_f1",
        recipe={"epochs": 4, "batch_size": 100},
    )


def measured() -> Costs:
    """Every cost, with the search's own code."""
    made = task()
    space = space_from("auto", "multiclass", None, made.metric)
    search = proposer_for(made, space, Plan(trials=TRIALS, width=1024), "auto")
    asked: list[Candidate] = []
    ask_s = spent(lambda: asked.extend(search.ask(1024))) / 1024
    tracemalloc.start()
    trials = [trial(number, asked[number % len(asked)]) for number in range(2048)]
    remembered = tracemalloc.get_traced_memory()[0] / len(trials)
    tracemalloc.stop()
    keep_s, row_bytes = keeping(asked)
    return Costs(*item_s(made, asked), ask_s, keep_s, queue_s(), row_bytes, remembered)


def item_s(made: Task, asked: list[Candidate]) -> tuple[float, float, float]:
    """Seconds for an item: of the worker for scoring, of the driver for scores, of the driver for outputs."""
    candidates, repeats = dict(enumerate(asked[:MODELS])), [Repeat(0)]
    program = program_maker(made, "cohort", 1, 0)(candidates, repeats, False)  # noqa: FBT003  (a message's part, by its place)
    score_s = spent(program.scores)

    def take(result: bytes) -> None:
        Bracket(MODELS, repeats, 1).record(read(result).answers[0], 1)

    scores = cloudpickle.dumps(WorkResult((program.scores(),)))
    outputs = cloudpickle.dumps(WorkResult((torch.stack([*program.outputs().values()]),)))
    return score_s, spent(lambda: take(scores)), spent(lambda: read(outputs)) + score_s


def trial(number: int, candidate: Candidate) -> Trial:
    """A finished trial."""
    outcome = Outcome("complete", (0.5, 0.6, 0.55, 0.58), 4)
    again = Candidate(
        candidate.spec.__class__(candidate.spec.kind, {**candidate.spec.parameters}), candidate.recipe
    )
    return Trial(number, "explore", 0, again, tuple(Repeat(seed) for seed in range(REPEATS)), outcome)


def keeping(asked: list[Candidate]) -> tuple[float, float]:
    """Seconds and bytes of a kept trial, on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "store.db"
        with Store.open(f"sqlite:///{file}") as store:
            owner = new_owner()
            ledger = StoreLedger(store, store.create("scale", {}, {}, 0, owner).id, owner, lambda: None)
            before, started = file.stat().st_size, time.process_time()
            count = 8 * 1024
            for index in range(8):
                trials = [trial(index * 1024 + i, asked[i % len(asked)]) for i in range(1024)]
                ledger.keep(Unit("explore", index, tuple(trials)))
            seconds = time.process_time() - started
        return seconds / count, (file.stat().st_size - before) / count


def queue_s(workers: int = WORKERS[-1]) -> float:
    """Seconds of the queue for an item, of so many workers, from its being put to its being collected."""
    now = [0.0]
    queue = LeaseQueue(600.0, clock=lambda: now[0])
    names = [str(worker) for worker in range(workers)]

    def leg() -> None:
        for number in range(workers):
            queue.put(number, None)
        held = [queue.take(name) for name in names]
        for _ in range(int(ITEM_S / RENEW_S)):
            now[0] += RENEW_S
            queue.expire()
            for item, name in zip(held, names, strict=True):
                assert item is not None
                queue.renew(item[0], name)
        for item, name in zip(held, names, strict=True):
            assert item is not None
            queue.finish(item[0], name, ok=True, result=b"")
        queue.collect()

    return spent(leg) / workers


def simulated(workers: int, costs: Costs, scored_s: float, take_s: float) -> float:
    """The share of the time that workers train: a cohort as wide as they are many, leg by leg.

    Args:
        workers: How many there are.
        costs: What was measured.
        scored_s: What a worker takes for an item beside its training.
        take_s: What the driver takes for an item.
    """
    draw = random.Random(0)
    trials = max(1, workers * MODELS // REPEATS)
    call_s = CALL_S + costs.queue_s / (ITEM_S / RENEW_S + 2)
    total = 0.0
    for _ in range(LEGS):
        begins = [(worker + 1) * call_s for worker in range(workers)]
        ends = sorted(begin + ITEM_S * draw.uniform(0.95, 1.05) + scored_s for begin in begins)
        free = 0.0
        for end in ends:
            free = max(free, end) + take_s
        # While items train the queue renews leases; what is over a second's worth delays the results.
        renewing = workers / RENEW_S * call_s
        total += free * max(1.0, renewing)
    total += trials * costs.keep_s
    asking = max(0.0, trials * costs.ask_s - total)  # the next cohort is asked for while this one trains
    return LEGS * ITEM_S / (total + asking)


class ScoredByDriver(ReplayedProgram):
    """A program of a cluster whose outputs travel, to be scored by the driver: as lossmith did before 0.2."""

    def scores(self, n_resamples: int = 0) -> list[Scored]:
        """Bring the outputs of every member and score them."""
        found = self.outputs()
        losses, (repeat,), _ = self._parts[0].arguments
        kept = {member.candidate: losses[member.candidate] for member in found}
        made = task()
        job = Job(made, split_for(made, repeat, 0, 0), list(kept.values()), repeat, 0)
        brought = SimpleNamespace(outputs=lambda: torch.stack([*found.values()]), faults=dict)
        return ScoredProgram(brought, [job], kept).scores(n_resamples)


def on_two_workers() -> None:
    """Print the driver's processor time and that of two real workers, for either place of scoring."""
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=200_000_000,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    made = task()
    search = proposer_for(made, space_from("auto", "multiclass", None, made.metric), Plan(width=128), "auto")
    asked, repeats = search.ask(128), [Repeat(seed) for seed in range(REPEATS)]
    choice = EngineChoice("cohort", MODELS, "measured for")
    runner = on_ray(made, Plan(), choice=choice)
    pool = runner.pool
    assert pool is not None
    outcomes: list[list[Measurement]] = []
    drivers, workers = [], []
    for program in (pool.program, scored_by_driver(pool)):
        pool.program = program  # type: ignore[method-assign]
        runner.train(asked, repeats, RungSchedule((1, 2)))  # starts the workers
        before, started = workers_s(), time.process_time()
        outcomes.append(runner.train(asked, repeats, RungSchedule((1, 2))))
        drivers.append(time.process_time() - started)
        workers.append(workers_s() - before)
    trained = max(workers)  # Tune replaces workers now and then, and what a dead one has spent is not told
    print(f"{len(asked)} losses on {REPEATS} repeats, {HELD_OUT:,} held-out samples: workers {trained:.1f} s")
    for where, spent_s in zip(("workers", "the driver"), drivers, strict=True):
        share = spent_s / (spent_s + trained)
        print(f"  scored by {where}: the driver takes {spent_s:.2f} s on a processor, {share:.0%} of all")
    assert outcomes[0] == outcomes[1]
    print("  the outcomes are equal bit for bit")
    runner.close()
    ray.shutdown()


def scored_by_driver(pool: Any) -> Callable[..., ReplayedProgram]:
    """What makes programs on the workers of a pool whose outputs the driver scores."""
    return lambda _, *arguments: ScoredByDriver(pool._submit, arguments)  # noqa: SLF001  (the comparison's own)


def workers_s() -> float:
    """Seconds that the workers of this process's Ray have spent on a processor; Tune names them so."""
    found = 0.0
    for process in psutil.Process().children(recursive=True):
        if "ray::ResourceTrainable" in " ".join(process.cmdline()):
            times = process.cpu_times()
            found += times.user + times.system
    return found


def main() -> None:
    """Print the costs and the tables."""
    parser = argparse.ArgumentParser(description="What saturates first on a large cluster.")
    parser.add_argument("--ray", action="store_true", help="two real workers instead of the simulation")
    torch.set_num_threads(1)
    if parser.parse_args().ray:
        on_two_workers()
        return
    costs = measured()
    print(
        f"an item: scoring takes a worker {costs.score_s * 1e3:.1f} ms; its scores take the driver "
        f"{costs.take_s * 1e3:.2f} ms, its outputs would take {costs.take_outputs_s * 1e3:.1f} ms; the queue "
        f"{costs.queue_s * 1e3:.2f} ms"
        f"\na trial: asking {costs.ask_s * 1e3:.3f} ms, keeping {costs.keep_s * 1e3:.3f} ms;"
        f" kept {costs.row_bytes:,.0f} and remembered {costs.remembered_bytes:,.0f} bytes, "
        f"{TRIALS * costs.row_bytes / 1e9:.0f} GB and {TRIALS * costs.remembered_bytes / 1e9:.0f} GB in all\n"
    )
    columns = ("workers", "trials a cohort", "trials a second", "workers train", "if the driver scored")
    print(f"| {' | '.join(columns)} | 10 million trials |")
    print("|---|---|---|---|---|---|")
    for workers in WORKERS:
        busy = simulated(workers, costs, costs.score_s, costs.take_s)
        before = simulated(workers, costs, 0.0, costs.take_outputs_s)
        rate = busy * workers * MODELS / REPEATS / (LEGS * ITEM_S)
        print(
            f"| {workers:,} | {workers * MODELS // REPEATS:,} | {rate:,.1f} | {busy:.0%} | {before:.0%} | "
            f"{TRIALS / rate / 3600:,.1f} h |"
        )


if __name__ == "__main__":
    main()
