"""Where things are kept: paths that hold anything, and refusals that leave nothing behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from mlflow import MlflowClient

from lossmith.experiments import resume_search, run_search
from lossmith.experiments.cli import main
from lossmith.experiments.running.workdir import check, open_store, places
from lossmith.experiments.store import Store
from lossmith.experiments.tracking.database import make_database
from lossmith.losses import UserError

TASK = """
import torch
from lossmith.search import Task
print("hello from the task file")
def clouds():
    g = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 2
    x = torch.randn(60, 2, generator=g) + y[:, None]
    return Task(name="two clouds", kind="binary", train=(x, y), test=(x + .01, y), metric="auroc",
                model=lambda: torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Flatten(0)),
                recipe={"epochs": 1, "batch_size": 16})
"""
SPEC = {
    "trials": 2,
    "cohort": 2,
    "repeats": {"seeds": 1, "folds": 2},
    "race": {"contenders": 1},
    "verdict": {"seeds": 2},
    "insight": False,
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working directory, and an environment that says nothing about lossmith."""
    monkeypatch.chdir(tmp_path)
    for variable in ("LOSSMITH_HOME", "LOSSMITH_STORE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.end_to_end
def test_a_workdir_may_have_any_name(tmp_path: Path) -> None:
    """The store, MLflow's database and artifacts lie in it, are found there, and nothing lies beside it."""
    folder = "a%20b what?# é 100%"
    (tmp_path / "clouds.py").write_text(TASK)
    found = places(tmp_path / folder, environment={})
    with open_store(found) as store:
        store.create("mine", {"task": "x"}, {}, 0, None)
    make_database(found.tracking_uri)
    assert [e.name for e in MlflowClient(found.tracking_uri).search_experiments()] == ["Default"]
    assert {path.name for path in tmp_path.iterdir()} == {folder, "clouds.py"}
    assert {"lossmith.db", "mlflow.db"} <= {path.name for path in (tmp_path / folder).iterdir()}
    with Store.open(places(folder, environment={}).store_url) as store:
        assert store.names() == ["mine"]


@pytest.mark.end_to_end
def test_a_search_in_such_a_workdir_is_found_by_every_command(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One document on standard output, whatever the task prints; the name is made by the rule for names."""
    (tmp_path / "clouds.py").write_text(TASK)
    (tmp_path / "spec.yaml").write_text(json.dumps({"task": "clouds.py:clouds", **SPEC}))
    assert main(["search", "spec.yaml", "--workdir", "50% ?", "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["name"] == "two-clouds-1"
    assert "hello from the task file" in err
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"50% ?", "clouds.py", "spec.yaml"}
    assert main(["show", "two-clouds-1", "--workdir", "50% ?"]) == 0
    assert main(["resume", "two-clouds-1", "--workdir", "50% ?", "--json"]) == 0


LONG = "x" * 5000


@pytest.mark.parametrize(
    "store",
    [
        "mysql+nothing://h/x",
        "sqlite://",
        "nonsense",
        f"sqlite:///{LONG}/x.db",
        "sqlite:///a\0b/x.db",
        "sqlite:///~nobody-here/x.db",
        "sqlite:///what?/x.db",
        "sqlite:////proc/nowhere/x.db",
        "sqlite:////proc/x.db",
        "sqlite+aiosqlite:///x.db",
        "sqlite:///.",
        "sqlite:///x.db?timeout=soon",
        LONG,
    ],
)
@pytest.mark.parametrize("words", [["search", "spec.yaml"], ["list"], ["resume", "one"], ["show", "one"]])
def test_a_store_that_cannot_be_is_one_line_and_leaves_nothing(
    store: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is trained or made: exit status 2, a line of a length that can be read."""
    (tmp_path / "spec.yaml").write_text("task: digits-longtail\ntrials: 2\n")
    status = main([*words, "--store", store])
    out, err = capsys.readouterr()
    if words == ["list"] and status == 0:
        assert out.startswith("no search yet")  # a place where a store could be
    else:
        assert (status, out, err.count("\n")) == (2, "", 1), err
        assert err.startswith("error: ")
        assert len(err) < 1100
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]


@pytest.mark.parametrize(
    "workdir", [LONG, f"a/{'x' * 300}", "a\0b", "~nobody-here/x", "spec.yaml/below", "/proc/nowhere"]
)
@pytest.mark.parametrize("words", [["search", "spec.yaml"], ["list"], ["resume", "one"], ["ui"]])
def test_a_workdir_that_cannot_be_is_one_line(
    workdir: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As for a store."""
    (tmp_path / "spec.yaml").write_text("task: digits-longtail\ntrials: 2\n")
    status = main([*words, "--workdir", workdir])
    out, err = capsys.readouterr()
    if words == ["list"] and status == 0:
        assert out.startswith("no search yet")
    else:
        assert (status, out, err.count("\n")) == (2, "", 1), err
        assert err.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]


def test_a_file_that_is_no_store_is_refused_and_no_folder_is_made(tmp_path: Path) -> None:
    """The working directory, which would only have held a store, is taken away again."""
    (tmp_path / "notes.db").write_text("these are no tables" * 100)
    with pytest.raises(UserError, match="cannot open the store"):
        open_store(places("deep/er", f"sqlite:///{tmp_path}/notes.db", environment={}))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.db"]


@pytest.mark.end_to_end
def test_a_refusal_late_at_the_door_leaves_nothing(tmp_path: Path) -> None:
    """An engine that the model cannot have is found out by trying; no folder is there before."""
    odd = "class Odd(torch.nn.Module):\n  def forward(self, x): return x if float(x[0]) < 9e9 else -x\n"
    text = TASK.replace("Flatten(0))", "Flatten(0), Odd())").replace("def clouds", f"{odd}def clouds")
    (tmp_path / "clouds.py").write_text(text)
    with pytest.raises(UserError, match="cohort"):
        run_search({"task": "clouds.py:clouds", "engine": "cohort", **SPEC})
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"clouds.py"}


def test_resuming_where_no_store_is_makes_none(tmp_path: Path) -> None:
    """A resume needs a search, so it needs a store."""
    with pytest.raises(UserError, match="must be in a store to be resumed"):
        resume_search("one")
    assert list(tmp_path.iterdir()) == []


def test_a_workdir_without_the_right_to_write_is_refused_unmade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of the nearest folder that is there."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match=r"must be one that can be written, but .*permission denied"):
        check(places(tmp_path / "a" / "b", environment={}))


@pytest.mark.end_to_end
def test_drafts_of_a_process_that_was_killed_are_removed(tmp_path: Path) -> None:
    """The next search cleans up; the draft of a process that lives, and whatever else is there, stays."""
    import socket

    host = socket.gethostname()
    dead, live = tmp_path / f".mlflow.db.{host}-4194305-ab", tmp_path / f".mlflow.db.{host}-{os.getpid()}-cd"
    other = tmp_path / ".mlflow.db.elsewhere-4194305-ef"
    for folder in (dead, live, other):
        folder.mkdir()
        (folder / "mlflow.db-journal").touch()
    make_database(places(tmp_path, environment={}).tracking_uri)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["mlflow.db", live.name, other.name])
