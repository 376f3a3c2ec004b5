"""An empty MLflow, a store, and a search with trials of every kind."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from lossmith.experiments.store import SearchRecord, Store, new_owner
from lossmith.experiments.tracking.database import make_database
from lossmith.experiments.tracking.log_filters import set_environment
from lossmith.losses import LossSpec
from lossmith.search.records import Candidate, Outcome, Phase, Repeat, Trial, Unit
from lossmith.spaces.recipe import Recipe


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables, which take seconds to make."""
    set_environment()
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    make_database(f"sqlite:///{path}")
    return path


@pytest.fixture
def tracking_uri(empty_mlflow: Path, tmp_path: Path) -> str:
    """The address of an MLflow without runs."""
    path = shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    return f"sqlite:///{path}"


@pytest.fixture
def client(tracking_uri: str) -> MlflowClient:
    """MLflow as its users see it."""
    return MlflowClient(tracking_uri)


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """The address of a store."""
    return f"sqlite:///{tmp_path / 'lossmith.db'}"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store."""
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def owner() -> str:
    """This process as an owner."""
    return new_owner()


@pytest.fixture
def search(store: Store, owner: str) -> SearchRecord:
    """A search without trials."""
    spec = {"task": "digits", "trials": 256, "repeats": {"seeds": 4}, "name": None}
    task = {"name": "digits", "kind": "multiclass", "metric": "macro_f1"}
    return store.create("digits-1", spec, task, 7, owner)


def make_trial(number: int, phase: Phase = "explore") -> Trial:
    """The trial of a number: a standard loss, a mix, a pruned and a diverged one, in turn."""
    kind = number % 4
    mix = {"mix.gce": 0.75, "mix.cross_entropy": 0.25, "gce.q": 0.4, "focal.gamma": 1 / 3}
    spec = LossSpec("multiclass", {"mix.cross_entropy": 1.0, "focal.gamma": 2.0} if kind == 0 else mix)
    outcome = (
        Outcome("complete", (0.7, 0.8, 0.75), 20, ((5, 0.6), (10, 0.7))),
        Outcome("complete", (0.1, 0.2, 0.1), 20, ((5, 0.05),)),
        Outcome("pruned", (0.1, 0.1, 0.2), 5, ((5, 0.1),)),
        Outcome("diverged", (math.nan, math.nan, 0.5), 3, ((2, math.nan),), "nan at epoch 3, seed 0"),
    )[kind]
    candidate = Candidate(spec.bind((10, 20, 30)), Recipe(learning_rate=0.01), "focal" if kind == 0 else None)
    return Trial(number, phase, 0, candidate, (Repeat(0), Repeat(1), Repeat(2)), outcome)


@pytest.fixture
def keep(store: Store, search: SearchRecord, owner: str) -> Callable[[int], list[Trial]]:
    """Keeps one more unit of so many trials."""

    def kept(count: int) -> list[Trial]:
        index = len(store.units(search.id))
        first = sum(store.counts(search.id).values())
        trials = [make_trial(first + k) for k in range(count)]
        store.save_unit(search.id, Unit("explore", index, tuple(trials), None, 1.5), owner)
        return trials

    return kept
