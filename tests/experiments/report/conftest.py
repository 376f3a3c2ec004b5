"""A store of searches that were never run: what a report shows is what the store holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lossmith.experiments.results.reading import SearchReading
from lossmith.experiments.results.search_document import InsightRecord, SearchDocument
from lossmith.experiments.store import Store, new_owner
from lossmith.experiments.store.typed_json import read
from lossmith.losses import LossSpec, formula, standard_specs
from lossmith.search.records import Candidate, Outcome, Phase, Repeat, Trial, Unit
from lossmith.spaces.recipe import Recipe

COUNTS = {
    "multiclass": (90, 30, 5),
    "binary": (90, 10),
    "multilabel": ((60, 40), (90, 10)),
    "regression": None,
}
METRIC = {
    "multiclass": "macro_f1",
    "binary": "auroc",
    "multilabel": "macro_f1",
    "regression": "rmse",
}
RATES = (0.001, 0.01)
REPEATS = (Repeat(0), Repeat(1))


def searched_spec(kind: Any) -> LossSpec:
    """A loss that no standard one is."""
    if kind == "regression":
        return LossSpec(kind, {"mix.mse": 0.75, "mix.absolute": 0.25})
    return LossSpec(kind, {"mix.cross_entropy": 0.75, "mix.mae": 0.25, "power_weight.rho": 0.5})


def _trial(number: int, phase: Phase, spec: LossSpec, rate: float, standard: str | None) -> Trial:
    score = 0.5 + 0.3 * math.sin(number)
    outcome = Outcome("complete", (score, score + 0.02), 20, ((5, score - 0.1), (10, score - 0.05)))
    if phase == "explore" and number % 5 == 0:
        outcome = Outcome("pruned", (0.1, 0.2), 5, ((5, 0.15),))
    if phase == "explore" and number % 7 == 0:
        outcome = Outcome("diverged", (math.nan, 0.2), 3, (), "nan at epoch 3, seed 0")
    return Trial(number, phase, 0, Candidate(spec, Recipe(learning_rate=rate), standard), REPEATS, outcome)


def trials(kind: Any, count: int = 24) -> tuple[list[Trial], list[Trial]]:
    """The standard losses over their rates, and so many searched ones."""
    standard = [
        _trial(number, "headroom", spec, rate, name)
        for number, (name, spec, rate) in enumerate(
            (name, spec, rate) for name, spec in standard_specs(kind).items() for rate in RATES
        )
    ]
    base = searched_spec(kind).parameters
    first = next(iter(base))
    explored = [
        _trial(
            len(standard) + k,
            "explore",
            LossSpec(kind, {**base, first: 0.2 + 0.02 * k}),
            0.001 * (k + 1),
            None,
        )
        for k in range(count)
    ]
    return standard, explored


def bound(kind: Any, spec: LossSpec) -> LossSpec:
    """The loss with constants of a training set."""
    return spec.bind(COUNTS[kind], 2.0 if kind == "regression" else None)


def verdict_of(kind: Any, *, better: bool = True) -> dict[str, Any]:
    """A verdict as the phase of that name writes it."""
    sign = -1 if kind == "regression" else 1
    names = list(standard_specs(kind))

    def row(place: int) -> dict[str, Any]:
        difference = sign * 0.02 * (place + 1)
        return {
            "difference": difference,
            "ci_low": difference - 0.01,
            "ci_high": difference + 0.01,
            "p_value": 0.001,
            "p_value_holm": 0.01,
            "wilcoxon_p": 0.002,
            "effect_size": 1.5,
            "mean": 0.8 - difference,
            "sd": 0.01,
            "learning_rate": 0.01 + 0.001 * place,
        }

    def entry(number: int, standard: str | None, spec: LossSpec) -> dict[str, Any]:
        whole = bound(kind, spec)
        return {
            "number": number,
            "standard": standard,
            "loss": whole.to_json(),
            "formula": formula(whole),
            "learning_rate": 0.02,
        }

    winner = entry(40, None, searched_spec(kind))
    best = entry(0, names[0], standard_specs(kind)[names[0]])
    first = row(0)
    return {
        "winner": winner if better else best,
        "best_standard": best,
        "challenger": {**winner, **first},
        "metric": METRIC[kind],
        "greater_is_better": sign > 0,
        "scores": {"winner": {"mean": 0.8, "sd": 0.01}, "best_standard": {"mean": 0.78, "sd": 0.02}},
        **{key: first[key] for key in ("difference", "ci_low", "ci_high", "p_value")},
        "repeats": 16,
        "better": better,
        "use": "winner",
        "against": {name: row(place) for place, name in enumerate(names)},
        "sentence": "Better: by two points." if better else "Not better: use what you have.",
    }


INSIGHT: dict[str, Any] = {
    "ablation": [
        {"part": "power_weight", "formula": "a", "difference": 0.03, "ci_low": 0.01, "ci_high": 0.05},
        {"part": "mae", "formula": "b", "difference": -0.01, "ci_low": -0.02, "ci_high": 0.01},
    ],
    "importance": {"mix.mae": 0.6, "recipe.learning_rate": 0.4},
    "sensitivity": {
        "mix.mae": [{"value": v, "score": 0.7 + v / 10, "sd": 0.01} for v in (0.1, 0.2, 0.4)],
        "recipe.learning_rate": [{"value": v, "score": 0.7, "sd": None} for v in (0.001, 0.01, 0.1)],
    },
    "curves": {
        "winner": [{"epoch": e, "mean": 0.1 * e, "sd": 0.01} for e in (1, 2, 3)],
        "cross_entropy": [{"epoch": e, "mean": 0.05 * e, "sd": 0.01} for e in (1, 2, 3)],
    },
}


def enter(
    store: Store, name: str, kind: Any, *, verdict: dict[str, Any] | None, task: str = "made-up"
) -> None:
    """Put a search into the store, with trials of every state; with a verdict it is finished."""
    counts = COUNTS[kind]
    about = {
        "name": task,
        "kind": kind,
        "metric": METRIC[kind],
        "sizes": {"train": 100, "test": 50},
        "recipe": Recipe().to_json(),
        "fingerprint": "00ff00ff00ff00ff",
        "model_parameters": 1234,
        **({"class_counts": [list(n) if isinstance(n, tuple) else n for n in counts]} if counts else {}),
        **({"target_scale": 2.0} if kind == "regression" else {}),
    }
    owner = new_owner()
    record = store.create(name, {"task": task, "trials": 24, "seed": 3, "name": None}, about, 3, owner)
    standard, explored = trials(kind)
    store.save_unit(record.id, Unit("headroom", 0, tuple(standard), None, 2.0), owner)
    store.save_unit(record.id, Unit("explore", 0, tuple(explored), {"asked": 30}, 4.0), owner)
    if verdict is not None:
        rounds = {"scores": {"1": [0.5], "40": [0.6], "41": None}, "repeats": [[5, 0, 1]]}
        store.save_unit(record.id, Unit("race", 0, (), rounds, 1.0), owner)
        store.save_unit(record.id, Unit("verdict", 0, (), verdict, 1.0), owner)
        store.finish(record.id, "finished", verdict, owner=owner)
        store.add_seconds(
            record.id, {"headroom": 2.0, "explore": 4.0, "race": 1.0, "verdict": 1.0, "total": 9.0}
        )
    else:
        store.finish(record.id, "interrupted", owner=owner)


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a store with a finished search of each kind, one lost, one half done, one not begun."""
    url = f"sqlite:///{tmp_path_factory.mktemp('report') / 'lossmith.db'}"
    with Store.open(url) as store:
        for kind in COUNTS:
            enter(store, kind, kind, verdict=verdict_of(kind))
        enter(store, "lost", "multiclass", verdict=verdict_of("multiclass", better=False))
        enter(store, "halfway", "multiclass", verdict=None)
        owner = new_owner()
        young = store.create("young", {"task": "t", "seed": 0}, {"name": "t", "kind": "multiclass",
                             "metric": "macro_f1"}, 0, owner)  # fmt: skip
        store.finish(young.id, "interrupted", owner=owner)
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
    """The document of a finished search, with everything that is measured after a verdict."""
    return replace(document_of(store, "multiclass"), insight=read(InsightRecord, INSIGHT))


@pytest.fixture
def page_file(store: Store, tmp_path: Path) -> Path:
    """A report on disk."""
    from lossmith.experiments.report import write_report

    return write_report(store, "multiclass", tmp_path / "report.html")
