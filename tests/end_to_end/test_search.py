"""A whole search through the driver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from lossmith.experiments import Experiment, run_search
from lossmith.experiments.cli import main
from lossmith.experiments.report import report_html
from lossmith.experiments.store import Store
from lossmith.experiments.tracking import Tracker
from lossmith.losses import load_frozen
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.search.training.program import Stopped

from .conftest import SHORT, SPEC, TASK

pytestmark = pytest.mark.end_to_end


def children(workdir: Path, experiment: Experiment) -> list[Run]:
    """The MLflow runs of a search's trials."""
    client = MlflowClient(tracking_uri=f"sqlite:///{workdir / 'mlflow.db'}")
    record = experiment.record
    parent = f"tags.`mlflow.parentRunId` = '{record.run_id}'"
    return list(client.search_runs([str(record.experiment_id)], parent, max_results=1000))


def deterministic(experiment: Experiment) -> dict[str, object]:
    """What a search must find again when it is run again: everything but times."""
    document = json.loads(json.dumps(experiment.document()))
    return {key: document[key] for key in ("counts", "best", "verdict", "trials")}


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a SPEC, and in `work` the search that it asks for, done once for all who look at it."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "clouds.py").write_text(TASK)
    (folder / "clouds.yaml").write_text(SPEC)
    run_search(folder / "clouds.yaml", workdir=folder / "work")
    return folder


@pytest.fixture
def whole(workdir: Path) -> Iterator[Experiment]:
    """That search."""
    with Store.open(f"sqlite:///{workdir / 'work' / 'lossmith.db'}") as store:
        yield Experiment(store, "clouds-1")


def test_a_search_goes_through_every_phase_and_shows_each_trial_once(
    whole: Experiment, workdir: Path
) -> None:
    """One command runs all phases, keeps a verdict, and MLflow has exactly one child run for each trial."""
    experiment = whole
    assert experiment.status == "finished"
    document = experiment.document()
    assert {"headroom", "explore", "race", "verdict", "bookkeeping", "total"} <= document["seconds"].keys()
    explored = [t for t in experiment.trial_list if t.phase == "explore"]
    assert len(explored) == 24
    assert [t.number for t in experiment.trial_list] == list(range(len(experiment.trial_list)))
    numbers = sorted(
        run.data.tags["lossmith.trial"].rpartition("/")[2] for run in children(workdir / "work", experiment)
    )
    assert numbers == sorted(str(t.number) for t in experiment.trial_list)
    assert document["verdict"]["against"].keys() >= {"cross_entropy", "focal", "logit_adjustment"}


def test_the_loss_is_tried_on_another_task(spec: Path, tmp_path: Path) -> None:
    """With `transfer` the document tells how the loss does there, and a resume from the store finds it so."""
    elsewhere = spec.with_name("elsewhere.py")
    elsewhere.write_text(TASK.replace('name="clouds"', 'name="elsewhere"').replace("seed(0)", "seed(1)"))
    spec.write_text(f"{SPEC}transfer: [elsewhere.py:clouds]\ninsight: false\n")
    experiment = run_search(spec, workdir=tmp_path / "work")
    row = json.loads(json.dumps(experiment.document()))["verdict"]["transfer"]["elsewhere"]
    assert row.keys() >= {"scores", "difference", "ci_low", "ci_high", "p_value", "repeats", "best_standard"}
    assert row["sentence"] in experiment.document()["verdict"]["sentence"]
    assert experiment.document()["seconds"]["transfer"] > 0
    assert "elsewhere.py" in (experiment.record.notes.files or {})


def test_the_same_spec_and_seed_find_the_same(whole: Experiment, workdir: Path) -> None:
    """Two searches with one SPEC and seed on one machine have the same trials, scores, winner and verdict."""
    again = run_search(workdir / "clouds.yaml", workdir=workdir / "again")
    assert deterministic(whole) == deterministic(again)


def test_both_engines_give_the_same_scores(short: Path, tmp_path: Path) -> None:
    """For one SPEC and seed the scores from engine cohort and engine loop agree to within two samples."""
    spec, text = short, SHORT
    found = {}
    for engine in ("cohort", "loop"):
        spec.write_text(f"{text}engine: {engine}\n")
        experiment = run_search(spec, workdir=tmp_path / engine)
        found[engine] = [t for t in experiment.trial_list if t.phase == "headroom"]
    # A sample moves the F1 of two classes by at most about 1/20 each, their mean over three by a third.
    two_samples = 2 * 2 / 20 / 3
    for stacked, alone in zip(found["cohort"], found["loop"], strict=True):
        assert stacked.candidate.key == alone.candidate.key
        assert stacked.outcome.score == pytest.approx(alone.outcome.score, abs=two_samples)


def test_the_export_is_the_loss_the_verdict_names(whole: Experiment, tmp_path: Path) -> None:
    """The exported loss.json holds the answer of the search, bound to the training part's class counts."""
    experiment = whole
    experiment.export(tmp_path / "loss")
    loaded = load_frozen(tmp_path / "loss" / "loss.json")
    assert loaded.spec == experiment.answer().loss
    assert loaded.spec.class_counts == (60, 30, 9)


def test_a_cancelled_search_stops_and_keeps_what_it_has(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search whose trainer is told to stop ends without a verdict, keeps its trials, and can be resumed."""
    train = Trainer.train
    calls: list[None] = []

    def stop_in_the_second(self: Trainer, *args: object, **more: object) -> object:
        calls.append(None)
        if len(calls) == 2:
            raise Stopped
        return train(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "train", stop_in_the_second)
    experiment = run_search(short, workdir=tmp_path / "work")
    assert experiment.verdict is None
    assert {t.phase for t in experiment.trial_list} == {"headroom"}


@pytest.mark.parametrize("left", [0, 3])
def test_nobody_delivers_a_search_that_was_let_go_of(
    left: int, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What MLflow has not taken is a resume's alone: two would deliver the same trials, each of them once."""
    order: list[str] = []

    def noted(owner: type, name: str) -> None:
        plain = getattr(owner, name)

        def calling(*given: object, **more: object) -> object:
            order.append(name)
            return plain(*given, **more)

        monkeypatch.setattr(owner, name, calling)

    def flush(*_: object, **__: object) -> int:
        order.append("flush")
        return left

    for owner, name in ((Tracker, "stop"), (Store, "finish")):
        noted(owner, name)
    monkeypatch.setattr(Tracker, "flush", flush)
    run_search(short, workdir=tmp_path / "work")
    assert order == (["flush", "stop", "finish", "stop"] if left else ["flush", "finish", "flush", "stop"])


def test_all_who_tell_the_loss_tell_its_whole_recipe(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`search`, `show`, `export` and the report tell what the recipe of the loss says beside its rate."""
    space = "space: {preset: multiclass, parameters: {recipe.schedule: [cosine, one_cycle]}}\n"
    spec.write_text(f"{SPEC}{space}insight: false\n")
    place = ["--workdir", str(tmp_path / "work")]
    assert main(["search", str(spec), "--name", "whole", *place]) == 0
    searched = capsys.readouterr().out
    assert main(["show", "whole", *place]) == 0
    shown = capsys.readouterr().out
    line = next(
        line for line in searched.splitlines() if line.startswith("The loss to use, at learning rate ")
    )
    assert ", schedule " in line
    assert line in shown.splitlines()
    assert main(["export", "whole", "--to", str(tmp_path / "loss"), *place]) == 0
    said = capsys.readouterr().out.rpartition("Train with it at ")[2].strip().removesuffix(".")
    assert ", schedule " in said
    with Store.open(f"sqlite:///{tmp_path / 'work' / 'lossmith.db'}") as store:
        assert f"Train with it at <b>{said}</b>" in report_html(store, "whole")
