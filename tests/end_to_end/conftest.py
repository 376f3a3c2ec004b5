"""A search small enough to run many times, as a user would run it: from a task file and a SPEC."""

from __future__ import annotations

from pathlib import Path

import pytest

TASK = '''
import torch
from torch import nn
from lossmith.search import Task


def clouds():
    """Three overlapping clouds of points, one of them rare."""
    draw = torch.Generator().manual_seed(0)

    def sample(counts):
        labels = torch.arange(3).repeat_interleave(torch.tensor(counts))
        centres = torch.tensor([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
        return centres[labels] + torch.randn(len(labels), 2, generator=draw), labels

    return Task(
        name="clouds", kind="multiclass", train=sample([60, 30, 9]), validation=sample([20, 20, 20]),
        test=sample([30, 30, 30]), model=lambda: nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)),
        metric="macro_f1", recipe={"epochs": 4, "batch_size": 32},
    )
'''

SPEC = """
task: clouds.py:clouds
trials: 24
cohort: 8
repeats: {seeds: 2}
race: {seeds: 2, contenders: 4}
verdict: {seeds: 3}
"""


# Where the claim is not about every phase.
SHORT = """
task: clouds.py:clouds
trials: 2
cohort: 2
repeats: {seeds: 2}
race: {seeds: 2, contenders: 1}
verdict: {seeds: 2}
insight: false
"""


@pytest.fixture
def short(spec: Path) -> Path:
    """The same SPEC with the least budget."""
    spec.write_text(SHORT)
    return spec


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """The path of a SPEC whose search takes a second or two."""
    (tmp_path / "clouds.py").write_text(TASK)
    path = tmp_path / "clouds.yaml"
    path.write_text(SPEC)
    return path
