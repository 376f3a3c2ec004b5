"""Memory that is short in a worker: real allocations, refused by the system, or killed by it or by Ray."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster

# Each of the models that a program holds takes 12 MB while it trains. A worker may take 600 MB more than it
# has when it starts: 64 models have no room, 32 do.
HUNGRY = """
import os
import resource
import signal
import torch
from torch import nn
from lossmith.search import Task

HOW = {how!r}
LIMIT = 600_000_000
DRIVER = os.getpid()
begun = []


def taken(kind):
    with open("/proc/self/statm") as file:
        return int(file.read().split()[kind]) * os.sysconf("SC_PAGE_SIZE")


class Hungry(nn.Sequential):
    def forward(self, inputs):
        if self.training and os.getpid() != DRIVER and len(inputs) > 3:
            if not begun and HOW == "refused":
                resource.setrlimit(resource.RLIMIT_AS, (taken(0) + LIMIT, -1))
            begun or begun.append(taken(1))
            room = self[0].weight.detach().sum() + torch.zeros(3_000_000)
            if HOW == "killed" and taken(1) - begun[0] > LIMIT:
                os.kill(os.getpid(), signal.SIGKILL)
            inputs = inputs + 0 * room[:1]
        return super().forward(inputs)


def hungry():
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(32) % 3
    inputs = torch.randn(32, 2, generator=draw) + labels[:, None]
    return Task(
        name="hungry", kind="multiclass", train=(inputs, labels), validation=(inputs, labels),
        test=(inputs, labels), model=lambda: Hungry(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)),
        metric="accuracy", recipe={{"epochs": 2, "batch_size": 32}},
    )
"""

# A process of its own: workers are forked while there is one thread, and this Ray watches the memory.
SEARCH = """
import logging
import os
import sys
from pathlib import Path

os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # so that it is known how a cohort is dealt out
from lossmith.losses import standard_specs
from lossmith.search import Candidate, Plan, Repeat, load_task
from lossmith.search.training.local import local

runner, how, models = sys.argv[1], sys.argv[2], int(sys.argv[3])
task, plan, notes = load_task("hungry.py:hungry"), Plan(folds=2), []
if runner == "ray":
    import ray
    from lossmith.search.training.ray import on_ray

    from ray._common.utils import get_system_memory
    from ray._private.utils import get_used_memory

    used, all_of_it = get_used_memory(), get_system_memory()
    watch = {"memory_usage_threshold": min(0.95, (used + 2e9) / all_of_it)} if how == "watched" else {}
    ray.init(
        address="local", num_cpus=1, object_store_memory=200_000_000, include_dashboard=False,
        log_to_driver=False, logging_level=logging.ERROR,
        _system_config={"memory_monitor_refresh_ms": 50 if watch else 0, **watch},
    )
trainer = {"local": local, "ray": None}[runner] or on_ray
made = trainer(task, plan, engine="cohort", note=notes.append)
specs = list(standard_specs("multiclass").values())
losses = [Candidate(specs[i % len(specs)], task.settings.with_rate(1e-3 * (1 + i))) for i in range(models)]
try:
    outcomes = made.train(losses, (Repeat(0),), None, lambda _: None)
    print("trained", len(outcomes), {o.state for o in outcomes})
finally:
    print(*notes, sep="\\n")
    made.close()
"""


def train(folder: Path, runner: str, how: str, models: int) -> subprocess.CompletedProcess[str]:
    """Train so many models where memory is short in this way."""
    (folder / "hungry.py").write_text(HUNGRY.format(how=how))
    return subprocess.run(
        [sys.executable, "-c", SEARCH, runner, how, str(models)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.mark.parametrize(
    ("runner", "how"),
    [("local", "refused"), ("local", "killed"), ("ray", "refused"), ("ray", "killed"), ("ray", "watched")],
)
def test_a_cohort_without_the_memory_is_trained_in_halves(tmp_path: Path, runner: str, how: str) -> None:
    """Memory refused to a worker, a worker killed by the system or by Ray: every model is trained."""
    models = {"local": 128, "ray": 64}[runner] if how != "watched" else 256
    done = train(tmp_path, runner, how, models)
    assert done.returncode == 0, done.stderr
    assert f"trained {models} {{'complete'}}" in done.stdout, done.stderr
    assert "memory is short" in done.stdout
    assert "models to a program from here on" in done.stdout


@pytest.mark.parametrize("runner", ["local", "ray"])
def test_one_model_that_finds_no_memory_ends_the_search_with_its_reason(tmp_path: Path, runner: str) -> None:
    """Where not even one model has the room there is an end, and it says that memory was short."""
    source = HUNGRY.replace("LIMIT = 600_000_000", "LIMIT = 0")
    (tmp_path / "hungry.py").write_text(source.format(how="killed"))
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, runner, "killed", "2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 1
    assert "as systems do when memory is short" in done.stderr.splitlines()[-1]
