"""Small searches, really run, in a store of their own."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest
import torch
from torch import Tensor, nn

from lossmith.experiments.progress import SilentProgress
from lossmith.experiments.running.workdir import places
from lossmith.experiments.store import Store, StoreLedger, new_owner
from lossmith.losses import standard_spec
from lossmith.search.method.pipeline import conduct
from lossmith.search.records import (
    Comparison,
    Entrant,
    Plan,
    RaceResult,
    RefitScores,
    StandardRow,
    Unit,
    Verdict,
)
from lossmith.search.tasks.task import Task
from lossmith.search.training.local import local
from lossmith.spaces import space_from

SPEC = {"task": "blobs", "trials": 6, "repeats": {"seeds": 2}}
PLAN = Plan(
    trials=6, seeds=2, folds=2, width=6, rates=2, contenders=2, race_rounds=1, race_seeds=2, verdict_seeds=3
)


def blobs() -> Task:
    """Three overlapping clouds of points, one of them rare."""
    generator = torch.Generator().manual_seed(0)

    def draw(counts: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
        corners = torch.tensor([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
        return corners[labels] + torch.randn(len(labels), 2, generator=generator), labels

    return Task(
        name="blobs",
        kind="multiclass",
        train=draw((40, 30, 8)),
        test=draw((20, 20, 20)),
        model=lambda: nn.Linear(2, 3),
        metric="macro_f1",
        recipe={"epochs": 2, "batch_size": 16},
    )


def made_verdict(difference: float = 0.01, sentence: str = "Better: by a point.") -> Verdict:
    """A verdict that no search has reached: focal, trial 1, against cross entropy, trial 0."""
    ahead = Comparison(difference, -0.01, 0.03, math.nan)
    (focal, usual) = (
        Entrant(
            number,
            name,
            standard_spec(name, "multiclass"),
            "a formula",
            0.01,
            RefitScores(0.8, 0.1, (0.7, 0.9)),
        )
        for number, name in ((1, "focal"), (0, "cross_entropy"))
    )
    return Verdict(
        winner=focal,
        best_standard=usual,
        ahead=ahead,
        metric="macro_f1",
        greater_is_better=True,
        repeats=2,
        sources=("refits",),
        scored_on="test",
        conclusion="better",
        use="winner",
        margin=0.0,
        race=RaceResult(0.01, None, 0.005, 2.0, 1.6, 1, crowned=True),
        against={"cross_entropy": StandardRow(usual.scores, ahead)},
        sentence=sentence,
    )


@dataclass(frozen=True)
class KilledLedger(StoreLedger):
    """Keeps units until `after` of them are kept; then Ctrl-C comes."""

    after: int = 10**9

    def keep(self, unit: Unit) -> None:
        """Keeps a unit, if it is not too late."""
        if len(self.store.units(self.search_id)) == self.after:
            raise KeyboardInterrupt
        super().keep(unit)


def run(store: Store, name: str, after: int = 10**9) -> None:
    """Search a loss for the clouds, and stop as if interrupted when `after` units are kept."""
    task, owner, started = blobs(), new_owner(), monotonic()
    record = store.create(name, {**SPEC, "name": name}, task.describe().to_json(), 0, owner)
    space = space_from("auto", task.kind, task.constants.class_counts)
    ledger = KilledLedger(store, record.id, owner, after=after)
    try:
        end = conduct(task, space, PLAN, local(task, PLAN), ledger, SilentProgress())
    except KeyboardInterrupt:
        store.finish(record.id, "interrupted", owner=owner)
    else:
        store.finish(record.id, "finished", end.verdict, end.reason, owner)
    seconds: dict[str, float] = defaultdict(float)
    for unit in store.units(record.id):
        seconds[unit.phase] += unit.seconds
    total = monotonic() - started
    store.add_seconds(record.id, {**seconds, "bookkeeping": total - sum(seconds.values()), "total": total})


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workdir with the searches `whole`, `halfway` (interrupted in the race) and `young` (no trial yet)."""
    workdir = tmp_path_factory.mktemp("searched")
    with Store.open(places(workdir, environment={}).store_url) as store:
        run(store, "whole")
        run(store, "halfway", after=2)
        run(store, "young", after=0)
    return workdir


@pytest.fixture
def store(searched: Path) -> Iterator[Store]:
    """The store of `searched`."""
    with Store.open(places(searched, environment={}).store_url) as opened:
        yield opened
