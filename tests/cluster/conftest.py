"""A Ray of two cores in this process's charge, and a task for it."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .compose import Compose

TASK = '''
import time
import torch
from torch import nn
from lossmith.search import Task

PAUSE = {pause}


class Slow(nn.Sequential):
    """Takes its time in training, so that something can happen meanwhile."""

    def forward(self, inputs):
        if self.training:
            time.sleep(PAUSE)
        return super().forward(inputs)


def clouds():
    """Three overlapping clouds of points, one of them rare."""
    draw = torch.Generator().manual_seed(0)

    def sample(counts):
        labels = torch.arange(3).repeat_interleave(torch.tensor(counts))
        centres = torch.tensor([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
        return centres[labels] + torch.randn(len(labels), 2, generator=draw), labels

    return Task(
        name="clouds", kind="multiclass", train=sample([60, 30, 9]), validation=sample([20, 20, 20]),
        test=sample([30, 30, 30]), model=lambda: Slow(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)),
        metric="macro_f1", recipe={{"epochs": 4, "batch_size": 32}},
    )
'''

SPEC = """
task: clouds.py:clouds
trials: 24
cohort: 8
repeats: {seeds: 2}
race: {seeds: 2, contenders: 3}
verdict: {seeds: 3}
"""


def write_task(folder: Path, pause: float = 0.0, more: str = "") -> Path:
    """A SPEC and its task file; `pause` seconds in each step of training, `more` keys of the SPEC."""
    (folder / "clouds.py").write_text(TASK.format(pause=pause))
    path = folder / "clouds.yaml"
    path.write_text(SPEC + more)
    return path


@pytest.fixture(scope="session")
def two_cores() -> Iterator[None]:
    """Ray with two CPUs."""
    import ray

    from lossmith.search.training.ray import tune_workers  # noqa: F401  (sets what Tune reads when it is imported)

    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=200_000_000,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    """The services of the compose file, none of them started."""
    # Not below pytest's folder, which the user that PostgreSQL runs as under root may not enter.
    with tempfile.TemporaryDirectory(prefix="cluster-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103
        made = Compose(Path(folder))
        try:
            yield made
        finally:
            made.close()
