"""Searches of every kind, really conducted: what a report shows was written by the phases of a search.

Only the training is left out: scores follow a formula in which one loss is better, or worse, than all others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lossmith.experiments.results.reading import SearchReading
from lossmith.experiments.results.search_document import SearchDocument
from lossmith.experiments.store import Store, new_owner
from lossmith.losses.kinds import kind_named
from lossmith.search import Task, conduct
from lossmith.search.records import Candidate, Plan, Repeat, SilentProgress
from lossmith.search.testing import SimulatedRunner
from lossmith.spaces import space_from

from ..conftest import KilledLedger

KINDS = ("multiclass", "binary", "multilabel", "regression")
METRIC = {
    "multiclass": "macro_f1",
    "binary": "balanced_accuracy",
    "multilabel": "macro_f1",
    "regression": "rmse",
}
COLUMNS = {"multiclass": (3,), "binary": (), "multilabel": (2,), "regression": ()}
PLAN = Plan(
    trials=24, seeds=3, width=20, rates=3, contenders=3, race_rounds=2, race_seeds=4, verdict_seeds=8, seed=3
)


def task_of(kind: str) -> Task:
    """A task of this kind; nobody trains its model."""
    draw = torch.Generator().manual_seed(0)

    def part(count: int) -> tuple[Tensor, Tensor]:
        shape = (count, *COLUMNS[kind])
        return torch.randn(count, 2, generator=draw), kind_named(kind).random_targets(
            torch.zeros(shape), draw
        )

    outputs = nn.Flatten(0) if kind in ("binary", "regression") else nn.Identity()
    return Task(
        name="made-up",
        kind=kind,
        train=part(90),
        validation=part(60),
        test=part(400),
        model=lambda: nn.Sequential(nn.Linear(2, (COLUMNS[kind] or (1,))[0]), outputs),
        metric=METRIC[kind],
        recipe={"epochs": 8},
        notes=("nothing was trained",),
    )


def quality_of(kind: str, *, better: bool) -> float:
    """The score of a searched loss; standard ones are at .7, or for an error at .5."""
    sign = -1 if kind == "regression" else 1
    return (0.5 if kind == "regression" else 0.7) + sign * (0.12 if better else -0.12)


def produce(
    store: Store, name: str, kind: str, *, trials: int = 24, better: bool = True, after: int = 10**9
) -> None:
    """Conduct a search whose searched losses are better, or worse, until `after` units are kept."""
    task, owner = task_of(kind), new_owner()
    searched, standard = quality_of(kind, better=better), 0.5 if kind == "regression" else 0.7

    def quality(candidate: Candidate) -> float:
        if candidate.standard is not None:
            return standard
        return searched - 0.004 * task.measure.sign * abs(len(candidate.spec.parts) - 2)  # two parts are best

    def diverges(candidate: Candidate, repeat: Repeat) -> bool:
        return candidate.standard is None and candidate.recipe.rate > 0.02 and repeat.seed == 0

    runner = SimulatedRunner(task, quality, shared=0.01, own=0.002, diverges=diverges)
    space = space_from("auto", kind, task.constants.class_counts)
    about = replace(task.describe(), notes=tuple(task.notes), warnings=()).to_json()
    record = store.create(name, {"task": "made-up", "trials": trials, "seed": 3}, about, 3, owner)
    ledger = KilledLedger(store, record.id, owner, after=after)
    try:
        end = conduct(task, space, replace(PLAN, trials=trials), runner, ledger, SilentProgress())
    except KeyboardInterrupt:
        store.finish(record.id, "interrupted", owner=owner)
    else:
        store.finish(record.id, "finished", end.verdict, end.reason, owner)
    seconds: dict[str, float] = defaultdict(float)
    for unit in store.units(record.id):
        seconds[unit.phase] += unit.seconds
    store.add_seconds(record.id, {**seconds, "total": sum(seconds.values())})


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a store with a finished search of each kind, one lost, one half done, one not begun."""
    url = f"sqlite:///{tmp_path_factory.mktemp('report') / 'lossmith.db'}"
    with Store.open(url) as store:
        for kind in KINDS:
            produce(store, kind, kind, trials=120 if kind == "multiclass" else 24)
        produce(store, "lost", "multiclass", better=False)
        produce(store, "halfway", "multiclass", after=4)
        produce(store, "young", "multiclass", after=0)
    return url


@pytest.fixture
def store(kept: str) -> Iterator[Store]:
    """That store."""
    with Store.open(kept) as opened:
        yield opened


def document_of(store: Store, name: str) -> SearchDocument:
    """What is known of a search."""
    return SearchReading.of(store, name).document()


@pytest.fixture
def document(store: Store) -> SearchDocument:
    """The document of a finished search."""
    return document_of(store, "multiclass")


@pytest.fixture
def page_file(store: Store, tmp_path: Path) -> Path:
    """A report on disk."""
    from lossmith.experiments.report import write_report

    return write_report(store, "multiclass", tmp_path / "report.html")
