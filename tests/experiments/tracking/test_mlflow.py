"""Searches as they are seen in a real MLflow."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from lossmith.experiments.store import SearchRecord, Store, new_owner
from lossmith.experiments.tracking import Tracker
from lossmith.experiments.tracking import table_delivery as by_tables
from lossmith.experiments.tracking.trials_view import view_tag
from lossmith.search.records import Trial

from ..conftest import made_verdict

pytestmark = pytest.mark.end_to_end

Keep = Callable[[int], list[Trial]]


def children(client: MlflowClient, store: Store, name: str) -> list[Run]:
    """The child runs of a search, by trial."""
    search = store.get(name)
    assert search.experiment_id is not None
    nested = f"tags.mlflow.parentRunId = '{search.run_id}'"
    runs = client.search_runs([search.experiment_id], nested, max_results=5000)
    return sorted(runs, key=lambda run: int(run.data.tags["lossmith.trial"].split("/")[1]))


@pytest.fixture(params=["tables", "client"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every delivery in turn; an unknown version of MLflow gets the public one."""
    if request.param == "client":
        monkeypatch.setattr(by_tables, "SERIES", ())
    return str(request.param)


def test_a_search_is_a_run_with_a_child_for_each_trial(
    way: str, tracking_uri: str, client: MlflowClient, store: Store, search: SearchRecord, keep: Keep
) -> None:
    """Parent and children show in MLflow what the store holds, nested, with names and scores."""
    del way
    trials = keep(6)
    with Tracker(store, search, tracking_uri) as tracker:
        assert tracker.flush() == 0
    parent = client.get_run(store.get("digits-1").run_id or "")
    assert (parent.info.run_name, parent.info.status) == ("digits-1", "RUNNING")
    experiment = client.get_experiment(parent.info.experiment_id)
    assert experiment.name == "lossmith"
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    key, view = view_tag(store.get("digits-1"), parent.info.run_id)
    assert experiment.tags[key] == view, "the link that `lossmith ui` prints leads to it"
    assert parent.data.params["spec.repeats.seeds"] == "4"
    runs = children(client, store, "digits-1")
    assert len(runs) == len(trials)
    assert [run.data.metrics.get("macro_f1") for run in runs[:2]] == [t.outcome.score for t in trials[:2]]
    assert runs[0].info.run_name == "0 focal"


def test_a_finished_search_shows_its_verdict(
    tracking_uri: str, client: MlflowClient, store: Store, search: SearchRecord, keep: Keep, tmp_path: Path
) -> None:
    """The parent run ends with the verdict's numbers and sentence, and with the files it was given."""
    keep(1)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "loss.json").write_text("{}")
    with Tracker(store, search, tracking_uri, artifacts=tmp_path / "artifacts") as tracker:
        tracker.finish(made_verdict(), tmp_path / "made")
        assert tracker.flush() == 0
    parent = client.get_run(store.get("digits-1").run_id or "")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["verdict.difference"] == 0.01
    assert parent.data.tags["mlflow.note.content"] == "Better: by a point."
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["loss.json"]
    assert parent.info.artifact_uri.startswith((tmp_path / "artifacts").as_uri())


@pytest.mark.parametrize(
    ("status", "shown"),
    [("finished", "FINISHED"), ("interrupted", "KILLED"), ("cancelled", "KILLED"), ("failed", "FAILED")],
)
def test_the_parent_shows_how_a_search_ended(
    status: str, shown: str, tracking_uri: str, client: MlflowClient, store: Store, search: SearchRecord
) -> None:
    """A search that was stopped is not left running, and one that is resumed runs again."""
    with Tracker(store, search, tracking_uri) as tracker:
        tracker.finish(status=status)  # type: ignore[arg-type]  # all of them are
        assert tracker.flush() == 0
    run_id = store.get("digits-1").run_id or ""
    assert client.get_run(run_id).info.status == shown
    with Tracker(store, store.get("digits-1"), tracking_uri) as tracker:
        assert tracker.flush() == 0
    assert client.get_run(run_id).info.status == "RUNNING"
    assert store.get("digits-1").run_id == run_id


def test_a_parent_the_store_never_heard_of_is_found(
    tracking_uri: str, client: MlflowClient, store: Store, search: SearchRecord
) -> None:
    """A tracker that was killed right after making the parent run leaves one parent, not two."""
    for _ in range(2):  # both know the record from before there was a run
        with Tracker(store, search, tracking_uri) as tracker:
            assert tracker.flush() == 0
    experiment = client.get_experiment_by_name("lossmith")
    assert experiment is not None
    (parent,) = client.search_runs([experiment.experiment_id])
    assert parent.info.run_id == store.get("digits-1").run_id


def test_a_new_mlflow_gets_the_whole_search(
    tracking_uri: str, store: Store, search: SearchRecord, keep: Keep, empty_mlflow: Path, tmp_path: Path
) -> None:
    """A search resumed with another address, or after its MLflow was thrown away, is whole in the new one."""
    keep(5)
    with Tracker(store, search, tracking_uri) as tracker:
        assert tracker.flush() == 0
    other = tmp_path / "other.db"
    other.write_bytes(empty_mlflow.read_bytes())
    with Tracker(store, store.get("digits-1"), f"sqlite:///{other}") as tracker:
        assert tracker.flush() == 0
    assert len(children(MlflowClient(f"sqlite:///{other}"), store, "digits-1")) == 5


def test_a_deleted_experiment_is_a_problem_and_not_a_crash(
    tracking_uri: str, client: MlflowClient, store: Store, search: SearchRecord, keep: Keep
) -> None:
    """Trials wait in the store until the user has restored what they deleted; `problem` says so."""
    experiment_id = client.create_experiment("lossmith")
    client.delete_experiment(experiment_id)
    keep(2)
    with Tracker(store, search, tracking_uri, retry_s=0.0) as tracker:
        assert tracker.flush(timeout_s=0.1) == 2
        assert tracker.problem is not None
        assert "'lossmith' was deleted; restore it" in tracker.problem
        client.restore_experiment(experiment_id)
        assert tracker.flush() == 0


def test_a_first_search_leaves_nothing_on_the_terminal(
    store_url: str, tmp_path: Path, search: SearchRecord, keep: Keep
) -> None:
    """MLflow is imported, makes its database and takes trials without a word or a stray file."""
    keep(2)
    code = (
        "import sys\n"
        "from lossmith.experiments.store import Store\n"
        "from lossmith.experiments.tracking import Tracker\n"
        "store = Store.open(sys.argv[1])\n"
        f"with Tracker(store, store.get({search.name!r}), sys.argv[2]) as tracker:\n"
        "    assert tracker.flush() == 0\n"
    )
    here = tmp_path / "here"
    here.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, store_url, f"sqlite:///{tmp_path}/data/mlflow.db"],
        capture_output=True,
        text=True,
        cwd=here,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(here.iterdir()) == []
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["mlflow.db"]


# Keeps units for ever with a tracker behind it, and says how many trials it kept and how many MLflow has.
SEARCHER = """
import sys
from lossmith.experiments.store import Store, new_owner
from lossmith.experiments.tracking import Tracker, table_delivery as by_tables
from lossmith.losses import LossSpec
from lossmith.search.records import Unit
from lossmith.spaces.recipe import Recipe
from lossmith.search.records import Candidate, Outcome, Repeat, Trial

if sys.argv[3] == "client":
    by_tables.SERIES = ()
owner, store = new_owner(), Store.open(sys.argv[1])
search = store.create("killed", {}, {"metric": "accuracy"}, 0, owner)
candidate = Candidate(LossSpec("multiclass", {"mix.gce": 1.0}), Recipe())
with Tracker(store, search, sys.argv[2], owner=owner) as tracker:
    for index in range(10**6):
        numbers, repeats = range(20 * index, 20 * index + 20), (Repeat(0), Repeat(1))
        outcome = Outcome("complete", (0.5, 0.25), 20)
        trials = tuple(Trial(n, "explore", index, candidate, repeats, outcome) for n in numbers)
        store.save_unit(search.id, Unit("explore", index, trials), owner)
        tracker.wake()
        waiting = 60
        while waiting >= 60:
            waiting = tracker.flush(timeout_s=0.05)
            print(20 * index + 20 - waiting, flush=True)
"""


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_kill_9_leaves_one_run_for_each_trial(
    way: str, seed: int, tracking_uri: str, client: MlflowClient, store_url: str, tmp_path: Path
) -> None:
    """Killed while MLflow is being fed, and resumed, a search has one child for each of its trials."""
    command = [sys.executable, "-c", SEARCHER, store_url, tracking_uri, way]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as searcher:
        assert searcher.stdout is not None
        enough = random.Random(seed).randrange(1, 80)
        while int(searcher.stdout.readline()) < enough:
            pass
        searcher.kill()
    owner = new_owner()
    with Store.open(store_url) as store:
        search = store.get("killed")
        store.claim(search.id, owner)
        with Tracker(store, search, tracking_uri, owner=owner) as tracker:
            assert tracker.flush() == 0
        numbers = [t.number for t in store.trials(search.id)]
        runs = children(client, store, "killed")
        assert [run.data.tags["lossmith.trial"] for run in runs] == [f"{search.uid}/{n}" for n in numbers]
        assert {run.info.status for run in runs} == {"FINISHED"}
        assert all(run.data.metrics["accuracy"] == 0.375 for run in runs)
