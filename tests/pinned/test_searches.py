"""Three small seeded searches show the same, trial by trial, as when their snapshots were written.

The snapshots hold floats of one kind of processor and one build of torch: on another, a last digit may differ
and with it what a search proposes next. That is why these tests carry a mark of their own and run only when
asked for: `make pinned`. After a change that is meant, LOSSMITH_WRITE_PINNED=1 make pinned writes the
snapshots anew, and the difference is read in the diff of the commit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from lossmith.experiments.cli import main

from .visible import document_text, masked, page_text, tracked_text

pytestmark = pytest.mark.pinned
SNAPSHOTS = Path(__file__).parent / "snapshots"
BUDGET = "cohort: 6\nrace: {seeds: 2, contenders: 2}\nverdict: {seeds: 3}\nseed: 1\n"

TASK = '''
import torch
from torch import nn

from lossmith.search import Task


def clouds():
    """Three overlapping clouds of points, one of them rare, without a validation part."""
    draw = torch.Generator().manual_seed(0)

    def sample(counts):
        labels = torch.arange(3).repeat_interleave(torch.tensor(counts))
        centres = torch.tensor([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
        return centres[labels] + torch.randn(len(labels), 2, generator=draw), labels

    return Task(
        name="clouds", kind="multiclass", train=sample([60, 30, 15]), test=sample([30, 30, 30]),
        model=lambda: nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)),
        metric="macro_f1", recipe={"epochs": 4, "batch_size": 32},
    )
'''

LOOP = '''
import torch
from torch import nn

draw = torch.Generator().manual_seed(0)
inputs = torch.randn(120, 3, generator=draw, dtype=torch.float64)
noise = torch.randn(120, generator=draw, dtype=torch.float64)
targets = inputs[:, 0] - 0.5 * inputs[:, 1] * inputs[:, 2] + 0.3 * noise


def rows_of(trial):
    """The rows to train on and to score on: folds for the search, the last 40 for the verdict."""
    if trial.part == "test":
        return torch.arange(80), torch.arange(80, 120)
    order = torch.randperm(80, generator=torch.Generator().manual_seed(trial.partition))
    held = torch.arange(80) % trial.folds == trial.fold
    return order[~held], order[held]


def train(loss, trial):
    """Train a small network, in double precision, and return its mean absolute error."""
    fit_on, score_on = rows_of(trial)
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 1)).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=trial.learning_rate)
    for epoch in range(3):
        for rows in fit_on[torch.randperm(len(fit_on))].split(16):
            optimizer.zero_grad()
            loss(model(inputs[rows]).squeeze(1), targets[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            error = float((model(inputs[score_on]).squeeze(1) - targets[score_on]).abs().mean())
        trial.report(epoch, error)
    return error
'''


@pytest.fixture(autouse=True)
def one_core() -> Iterator[None]:
    """One core and one thread: in what order floats are added depends on how many there are."""
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, {min(cores)})
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    os.sched_setaffinity(0, cores)


@pytest.fixture
def pinned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], same_as: Callable[[Path, str], None]
) -> Callable[[str, str], None]:
    """Search as a SPEC says, by the commands, and compare all that is shown of it with snapshots."""

    def command(*arguments: str) -> str:
        capsys.readouterr()
        assert main([*arguments, "--workdir", str(tmp_path / "work")]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    def search(name: str, spec: str) -> None:
        (tmp_path / "spec.yaml").write_text(f"name: {name}\n{spec}{BUDGET}", encoding="utf-8")
        command("search", str(tmp_path / "spec.yaml"))
        shown = command("show", name, "--json")
        command("report", name, "--to", str(tmp_path / "report.html"))
        command("export", name, "--to", str(tmp_path / "loss"))
        texts = {
            "show.txt": document_text(json.loads(shown)),
            "report.txt": page_text((tmp_path / "report.html").read_text(encoding="utf-8")),
            "mlflow.txt": tracked_text(f"sqlite:///{tmp_path / 'work' / 'mlflow.db'}"),
            "loss.py.txt": (tmp_path / "loss" / "loss.py").read_text(encoding="utf-8"),
        }
        for file, text in texts.items():
            same_as(SNAPSHOTS / name / file, masked(text, tmp_path))

    return search


def test_a_task_with_folds(tmp_path: Path, pinned: Callable[[str, str], None]) -> None:
    """A `Task` in a file, searched on folds, shows what its snapshots say."""
    (tmp_path / "clouds.py").write_text(TASK, encoding="utf-8")
    pinned("clouds", "task: clouds.py:clouds\ntrials: 12\nengine: cohort\nrepeats: {seeds: 2, folds: 3}\n")


def test_a_table(tmp_path: Path, pinned: Callable[[str, str], None]) -> None:
    """A CSV file with numbers, categories, text, gaps and a target of names shows what its snapshots say."""
    draw = np.random.default_rng(0)
    lines = ["width,height,colour,note,size"]
    for row in range(160):
        width, height = draw.normal(3, 1), draw.normal(2, 1)
        colour = draw.choice(["red", "green", "blue"])
        note = " ".join(draw.choice(["old", "worn", "new", "scratched", "boxed"], 3))
        area = width * height + (colour == "red") + draw.normal(0, 1)
        size = "small" if area < 5 else "medium" if area < 9 else "large"
        seen = "" if row % 11 == 0 else f"{width:.3f}"
        lines.append(f"{seen},{height:.3f},{'' if row % 13 == 0 else colour},{note},{size}")
    (tmp_path / "parcels.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    pinned(
        "parcels",
        "task: {file: parcels.csv, target: size, hidden: [8]}\ntrials: 6\nengine: cohort\n"
        "repeats: {seeds: 1, folds: 2}\nrecipe: {epochs: 4}\n",
    )


def test_an_own_loop(tmp_path: Path, pinned: Callable[[str, str], None]) -> None:
    """A training function of the user's own, of a kind without classes, shows what its snapshots say."""
    (tmp_path / "loop.py").write_text(LOOP, encoding="utf-8")
    pinned(
        "loop",
        "task: loop.py:train\ntraining: {kind: regression, metric: mae, greater_is_better: false}\n"
        "trials: 6\nrepeats: {seeds: 1, folds: 2}\n",
    )
