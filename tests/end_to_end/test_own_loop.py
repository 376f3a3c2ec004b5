# ruff: noqa: ARG001  (a training function takes what it is given)
"""A training function of the user's own through the driver and the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lossmith.experiments import resume_search, run_search
from lossmith.experiments.cli import main
from lossmith.losses import UserError
from lossmith.search import Task, TrialHandle, own_training

pytestmark = pytest.mark.end_to_end

SCRIPT = """
import torch
from torch import nn

inputs = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
labels = (inputs.sum(1) > 1).long()


def train(loss, trial):
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.learning_rate)
    print("a line that nobody wants a thousand times")
    for epoch in range(4):
        optimizer.zero_grad()
        loss(model(inputs), labels).backward()
        optimizer.step()
        score = float((model(inputs).argmax(1) == labels).float().mean())
        trial.report(epoch, score)
    return score
"""

SPEC: dict[str, Any] = {
    "trials": 2,
    "cohort": 2,
    "repeats": {"seeds": 2},
    "race": {"seeds": 2, "contenders": 1},
    "verdict": {"seeds": 2},
}
YAML = "task: loop.py:train\ntrials: 2\ntraining: {kind: multiclass, metric: accuracy}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a training script and a SPEC."""
    (tmp_path / "loop.py").write_text(SCRIPT)
    (tmp_path / "loop.yaml").write_text(YAML)
    monkeypatch.chdir(tmp_path)
    return tmp_path


MISTAKES = {
    "it raises": ("optimizer.step()", "optimizer.stepp()", ("AttributeError", "stepp", "loop.py, line 16")),
    "it returns nothing": ("    return score", "    pass", ("must return", "None")),
    "it returns NaN": ("return score", "return float('nan')", ("finite accuracy", "nan")),
    "it ignores the loss": ("loss(model", "nn.CrossEntropyLoss()(model", ("never", "loss(outputs, targets)")),
    "it reports text": (
        "trial.report(epoch, score)",
        "trial.report(epoch, 'good')",
        ("trial.report", "'good'"),
    ),
    "its model has the wrong size": (
        "nn.Linear(2, 2)",
        "nn.Linear(3, 2)",
        ("RuntimeError", "loop.py, line 15"),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_function_is_met_at_the_door(
    mistake: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with rule and remedy, for an error of theirs their traceback below it; nothing is written."""
    old, new, said = MISTAKES[mistake]
    assert old in SCRIPT
    (folder / "loop.py").write_text(SCRIPT.replace(old, new))
    assert main(["search", "loop.yaml", "--workdir", "work"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, *detail = err.splitlines()
    assert first.startswith("error: ")
    assert all(word in first for word in said), first
    if "Error" in said[0]:
        assert detail[0].startswith("with learning_rate=0.003")
        assert any("in train" in line for line in detail)
        assert not any("site-packages" in line or "rehearse.py" in line for line in detail)
    elif mistake == "it reports text":
        assert any("loop.py" in line for line in detail)  # where they called it
    else:
        assert not detail
    assert not (folder / "work").exists()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "training: {kind: multiclass, metric: accuracy}"),
        ("training: {kind: multclass}", "did you mean multiclass"),
        ("training: {kind: multiclass, metrics: f1}", "did you mean metric"),
    ],
)
def test_a_wrong_description_is_met_at_the_door(
    key: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A function without a kind, an unknown kind and an unknown key are one line each."""
    (folder / "loop.yaml").write_text(f"task: loop.py:train\ntrials: 2\n{key}\n")
    assert main(["search", "loop.yaml", "--workdir", "work"]) == 2
    err = capsys.readouterr().err.strip()
    assert said in err
    assert len(err.splitlines()) == 1


def test_changed_code_is_not_resumed_but_a_changed_comment_is(folder: Path) -> None:
    """Halves of a search that were trained by different code do not belong together."""
    (folder / "loop.py").write_text(f"# noted\n{SCRIPT}")
    spec = {**SPEC, "task": "loop.py:train", "training": {"kind": "multiclass", "metric": "accuracy"}}
    first = run_search(spec, workdir=folder / "work")
    (folder / "loop.py").write_text(SCRIPT.replace("hundred", "hundred"))
    assert resume_search(first.name, workdir=folder / "work").verdict == first.verdict
    (folder / "loop.py").write_text(SCRIPT.replace("range(4)", "range(5)"))
    with pytest.raises(UserError, match="the data it began with"):
        resume_search(first.name, workdir=folder / "work")


def small_task() -> Task:
    """What a person makes in a notebook's cell."""
    labels = torch.arange(2).repeat_interleave(20)
    inputs = torch.randn(40, 2, generator=torch.Generator().manual_seed(0)) + labels[:, None]
    return Task(
        name="cell", kind="multiclass", train=(inputs, labels), validation=(inputs, labels),
        test=(inputs, labels), model=lambda: nn.Linear(2, 2), metric="accuracy", recipe={"epochs": 2},
    )  # fmt: skip


def test_a_task_made_in_python_is_searched_and_resumed(tmp_path: Path) -> None:
    """An object stands where a SPEC would name a file; to resume, it is given again."""
    experiment = run_search(SPEC, task=small_task(), workdir=tmp_path)
    assert experiment.verdict is not None
    assert experiment.name == "cell-1"
    with pytest.raises(UserError, match=r"must be given again: resume_search\('cell-1', task=\.\.\.\)"):
        resume_search("cell-1", workdir=tmp_path)
    assert resume_search("cell-1", task=small_task(), workdir=tmp_path).verdict == experiment.verdict


def test_an_object_that_is_no_task_is_refused(tmp_path: Path) -> None:
    """A plain function, or a SPEC that names a task beside the object, is one line with the remedy."""

    def train(loss: nn.Module, trial: TrialHandle) -> float:
        return 0.0

    with pytest.raises(UserError, match=r"own_training\(kind, \.\.\.\), but got function"):
        run_search(SPEC, task=train, workdir=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="a mapping that names none"):
        run_search({**SPEC, "task": "digits-longtail"}, task=small_task(), workdir=tmp_path)


def test_a_function_typed_into_a_cell_is_searched(tmp_path: Path) -> None:
    """A decorated function needs no file of its own."""
    task = small_task()
    inputs, labels = task.train

    @own_training("multiclass", metric="accuracy", name="typed")
    def train(loss: nn.Module, trial: TrialHandle) -> float:
        model = nn.Linear(2, 2)
        loss(model(inputs), labels).backward()
        with torch.no_grad():
            for p in model.parameters():
                assert p.grad is not None
                p.sub_(trial.learning_rate * p.grad)
        return float((model(inputs).argmax(1) == labels).float().mean()) + trial.seed * 1e-13

    experiment = run_search(SPEC, task=train, workdir=tmp_path)
    assert experiment.name == "typed-1"
    assert experiment.verdict is not None
    assert experiment.verdict.scored_on == "validation"
