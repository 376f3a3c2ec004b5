"""What MLflow is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mlflow.utils import validation

from lossmith.experiments.store import SearchRecord, Store
from lossmith.experiments.tracking.documents import (
    RunDocument,
    run_document,
    search_params,
    search_tags,
    verdict_document,
)
from lossmith.losses import formula, standard_specs
from lossmith.search.records import Trial

from ..conftest import made_verdict

Keep = Callable[[int], list[Trial]]


@pytest.fixture
def documents(store: Store, search: SearchRecord, keep: Keep) -> list[RunDocument]:
    """The runs of a focal loss, a mix, a pruned and a diverged trial."""
    keep(4)
    return [run_document(stored, search, "parent") for stored in store.untracked(search.id, 4)]


def test_a_run_is_named_by_what_its_loss_is(documents: list[RunDocument]) -> None:
    """A standard loss shows its name, any other the parts it is made of, each once."""
    assert [run.name for run in documents[:2]] == ["0 focal", "1 cross_entropy + gce + focal"]


def test_the_status_tells_states_apart(documents: list[RunDocument]) -> None:
    """Complete, pruned and diverged trials can be filtered by the status MLflow shows with a symbol."""
    assert [run.status for run in documents] == ["FINISHED", "FINISHED", "KILLED", "FAILED"]


def test_parameters_are_those_of_the_loss_and_of_the_recipe(documents: list[RunDocument]) -> None:
    """Every parameter of the loss has its own column, with all its digits, and so has the recipe."""
    params = documents[1].params
    assert params["focal.gamma"] == "0.333333333333"
    assert params["mix.gce"] == "0.75"
    assert params["recipe.learning_rate"] == "0.01"
    assert params["recipe.optimizer"] == "adam"


def test_metrics_hold_the_mean_and_every_part_of_it(documents: list[RunDocument]) -> None:
    """The score stands under both its names, with its deviation; repeats and rungs are steps."""
    points = {(point.key, point.step): point.value for point in documents[0].metrics}
    assert points == pytest.approx(
        {
            ("score", 0): 0.75,
            ("macro_f1", 0): 0.75,
            ("score_sd", 0): 0.05,
            ("score_by_repeat", 0): 0.7,
            ("score_by_repeat", 1): 0.8,
            ("score_by_repeat", 2): 0.75,
            ("rung_score", 5): 0.6,
            ("rung_score", 10): 0.7,
        },
        rel=1e-12,  # the mean and the deviation are rounded once or twice
    )


def test_what_is_not_a_number_is_left_out(documents: list[RunDocument]) -> None:
    """A diverged trial shows the repeats that ended, no mean, and its reason."""
    assert [(point.key, point.step) for point in documents[3].metrics] == [("score_by_repeat", 2)]
    assert documents[3].tags["lossmith.reason"] == "nan at epoch 3, seed 0"


def test_tags_say_what_a_trial_was(documents: list[RunDocument], search: SearchRecord, store: Store) -> None:
    """Each run carries its trial's label, parent, phase, state, standard name and formula."""
    tags = documents[0].tags
    assert tags["lossmith.trial"] == f"{search.uid}/0"
    assert tags["mlflow.parentRunId"] == "parent"
    assert (tags["lossmith.phase"], tags["lossmith.state"]) == ("explore", "complete")
    assert tags["lossmith.standard"] == "focal"
    assert tags["lossmith.loss"] == formula(store.trials(search.id)[0].candidate.spec)
    assert "lossmith.standard" not in documents[1].tags


def test_a_run_lasts_as_long_as_its_unit(documents: list[RunDocument]) -> None:
    """The times of a run are those between which its cohort was trained."""
    assert {run.ended_ms - run.started_ms for run in documents} == {1500}


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_every_standard_loss_has_names_that_mlflow_takes(
    kind: str, store: Store, search: SearchRecord, keep: Keep
) -> None:
    """No part, parameter, metric or tag of the family breaks MLflow's rules for keys."""
    (trial,) = keep(1)
    (stored,) = store.untracked(search.id, 1)
    for name, spec in standard_specs(kind).items():
        candidate = replace(trial.candidate, spec=spec, standard=name)
        run = run_document(replace(stored, trial=replace(trial, candidate=candidate)), search, "parent")
        rules: Any = validation  # MLflow states no types for them
        for key in run.params:
            rules._validate_param_name(key)
        for point in run.metrics:
            rules._validate_metric_name(point.key)
        for key in run.tags:
            rules._validate_tag_name(key)


def test_a_metric_of_any_name_is_shown(store: Store, search: SearchRecord, keep: Keep) -> None:
    """A user's own metric may be called what it likes; what MLflow refuses in a key is replaced."""
    keep(1)
    (stored,) = store.untracked(search.id, 1)
    named = replace(search, task={"metric": "F1@k (größer)"})
    assert "F1_k _gr__er_" in {point.key for point in run_document(stored, named, "parent").metrics}


def test_the_parent_shows_the_spec_and_the_task(search: SearchRecord) -> None:
    """Nested keys of the SPEC are parameters of their own; task, kind and metric are tags."""
    assert search_params(search) == {
        "spec.task": "digits",
        "spec.trials": "256",
        "spec.repeats.seeds": "4",
        "spec.name": "null",
    }
    tags = search_tags(search)
    assert (tags["lossmith.task"], tags["lossmith.kind"]) == ("digits", "multiclass")
    assert "lossmith show digits-1" in tags["mlflow.note.content"]


def test_a_verdict_is_split_into_numbers_and_words() -> None:
    """Finite numbers become metrics, sentences tags; lists and documents of losses are left to the store."""
    numbers, words = verdict_document(made_verdict(sentence="Better."))
    assert {
        "verdict.winner.learning_rate": 0.01,
        "verdict.difference": 0.01,
        "verdict.better": 1.0,
        "verdict.scores.winner.mean": 0.8,
        "verdict.against.cross_entropy.ci_low": -0.01,
    }.items() <= numbers.items()
    assert {
        "lossmith.verdict.winner.formula": "a formula",
        "lossmith.verdict.sentence": "Better.",
        "mlflow.note.content": "Better.",
    }.items() <= words.items()
    assert not [
        key for key in (*numbers, *words) if "p_value" in key or ".loss." in key or "by_repeat" in key
    ]
