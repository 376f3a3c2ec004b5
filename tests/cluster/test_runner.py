"""What every runner promises, and what the one on Ray does when its workers die or hang."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from lossmith.losses import LossSpec, UserError, standard_specs
from lossmith.losses.custom import adopt
from lossmith.search import Candidate, Plan, Repeat, Task, TrainingFunction, load_task
from lossmith.search.records import RungSchedule
from lossmith.search.training.functions import local_function, rehearsed
from lossmith.search.training.local import local
from lossmith.search.training.program import WorkerError
from lossmith.search.training.ray import Resources

from .compose import START_S, until
from .conftest import write_task

PLAN = Plan(folds=2)
REPEATS = (Repeat(0), Repeat(1))

# What happens in a worker the first time it trains: `os` and `time` are there, MARK is a file of the test's.
ACCIDENTS = {
    "dies": "os._exit(1)",
    "hangs": "time.sleep(1000)",
    "lacks memory": "raise MemoryError('too much')",
}
BROKEN = """

import os


class Accident(Slow):
    def forward(self, inputs):
        if self.training and inputs.shape[0] > 3 and os.environ.get("RAY_RAYLET_PID"):
            try:
                os.close(os.open({mark!r}, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                {accident}
        return super().forward(inputs)


def accident():
    made = clouds()
    object.__setattr__(made, "model", lambda: Accident(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)))
    return made
"""


@pytest.fixture
def runner(two_cores: None) -> Iterator[Callable[..., Any]]:
    """Makes runners on Ray, and closes them after the test."""
    from lossmith.search.training.ray import on_ray

    del two_cores  # it is enough that they are there
    made: list[Any] = []

    def make(task: Task, **more: Any) -> Any:
        made.append(on_ray(task, PLAN, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def losses(task: Task) -> list[Candidate]:
    """Every standard loss."""
    return [Candidate(spec, task.settings, standard=name) for name, spec in standard_specs(task.kind).items()]


OWN_LOOP = """
import torch
from torch import nn
from lossmith.search import own_training


@own_training(kind="multiclass", metric="accuracy", recipe={"epochs": 3, "learning_rate": 0.1})
def loop(loss, trial):
    draw = torch.Generator().manual_seed(0)
    inputs, targets = torch.randn(120, 2, generator=draw), torch.arange(120) % 3
    inputs[targets == 1, 0] += 1.5
    inputs[targets == 2, 1] += 1.5
    torch.manual_seed(trial.seed)
    model = nn.Linear(2, 3)
    optimiser = torch.optim.SGD(model.parameters(), lr=trial.learning_rate)
    for epoch in range(3):
        for batch in torch.randperm(80).split(16):
            optimiser.zero_grad()
            loss(model(inputs[:80][batch]), targets[:80][batch]).backward()
            optimiser.step()
        score = float((model(inputs[80:]).argmax(1) == targets[80:]).float().mean())
        trial.report(epoch, score)
    return score
"""
OWN_LOSS = """
from torch.nn import functional as F


def steep(outputs, targets):
    return F.cross_entropy(2 * outputs, targets, reduction="none")
"""


def load(folder: Path, function: str = "clouds") -> Task:
    """A task of the file in a folder."""
    found = load_task(f"{folder / 'clouds.py'}:{function}")
    assert isinstance(found, Task)
    return found


@pytest.mark.cluster
def test_every_runner_gives_equal_outcomes(runner: Callable[..., Any], tmp_path: Path) -> None:
    """On Ray a cohort ends bit for bit as on one machine: scores, rungs, states, and scores on test data."""
    write_task(tmp_path)
    task = load(tmp_path)
    here, there = local(task, PLAN), runner(task)
    for rungs in (None, RungSchedule((1, 2))):
        mine, theirs = (r.train(losses(task), REPEATS, rungs, lambda _: None) for r in (here, there))
        assert theirs == mine
    one, other = (r.test(losses(task)[:3], REPEATS, lambda _: None) for r in (here, there))
    assert torch.equal(one.scores, other.scores)
    here.close()


@pytest.mark.cluster
@pytest.mark.usefixtures("two_cores")
def test_a_loop_of_ones_own_ends_alike(tmp_path: Path) -> None:
    """A user's training function gives on Ray what it gives on one machine, at rungs and at the end."""
    from lossmith.search.training.ray import function_on_ray

    (tmp_path / "mine.py").write_text(OWN_LOOP)
    found = load_task(f"{tmp_path / 'mine.py'}:loop")
    assert isinstance(found, TrainingFunction)
    training = rehearsed(found)
    specs = standard_specs("multiclass").values()
    tried = [Candidate(spec, training.settings) for spec in specs][:6]
    mine, theirs = local_function(training, PLAN), function_on_ray(training, PLAN)
    for rungs in (None, RungSchedule((1, 2))):
        assert theirs.train(tried, REPEATS, rungs) == mine.train(tried, REPEATS, rungs)
    mine.close()
    theirs.close()


@pytest.mark.cluster
def test_a_loss_of_ones_own_is_known_to_workers(runner: Callable[..., Any], tmp_path: Path) -> None:
    """Terms that a SPEC brings are trained on workers that never saw their file, and end alike."""
    write_task(tmp_path)
    (tmp_path / "steep.py").write_text(OWN_LOSS)
    adopt([f"{tmp_path / 'steep.py'}:steep"], "multiclass")
    task = load(tmp_path)
    tried = [Candidate(LossSpec("multiclass", {"mix.steep": 1, "mix.mae": w}), task.settings) for w in (1, 2)]
    here, there = local(task, PLAN), runner(task)
    assert there.train(tried, REPEATS, None, lambda _: None) == here.train(
        tried, REPEATS, None, lambda _: None
    )
    here.close()


@pytest.mark.cluster
@pytest.mark.parametrize("accident", ACCIDENTS)
def test_an_accident_in_a_worker_changes_nothing(
    runner: Callable[..., Any], tmp_path: Path, accident: str
) -> None:
    """A worker that dies, hangs or lacks memory costs time, and no outcome is lost or other."""
    write_task(tmp_path)
    mark = str(tmp_path / "happened")
    with (tmp_path / "clouds.py").open("a") as file:
        file.write(BROKEN.format(mark=mark, accident=ACCIDENTS[accident]))
    task = load(tmp_path, "accident")
    here = local(load(tmp_path), PLAN)
    there = runner(task, resources=Resources(lease_s=5.0), engine="cohort")
    rungs = RungSchedule((1, 2))
    assert there.train(losses(task), REPEATS, rungs, lambda _: None) == here.train(
        losses(task), REPEATS, rungs, lambda _: None
    )
    assert Path(mark).exists()
    here.close()


@pytest.mark.cluster
def test_what_a_worker_raises_arrives(runner: Callable[..., Any], tmp_path: Path) -> None:
    """An error of the user's model in training ends the search with its words, and is not tried again."""
    write_task(tmp_path)
    with (tmp_path / "clouds.py").open("a") as file:
        file.write(BROKEN.format(mark=str(tmp_path / "mark"), accident="raise KeyError('no such thing')"))
    task = load(tmp_path, "accident")
    with pytest.raises((WorkerError, UserError), match="no such thing"):
        runner(task, engine="cohort").train(losses(task), REPEATS, None, lambda _: None)


@pytest.mark.cluster
@pytest.mark.usefixtures("two_cores")
def test_more_gpus_than_there_are(tmp_path: Path) -> None:
    """A worker that no node could hold is refused before anything starts, with what there is."""
    from lossmith.search.training.ray import on_ray

    write_task(tmp_path)
    with pytest.raises(UserError, match=r"gpus must be at most 0, .* but got 2; ask for less"):
        on_ray(load(tmp_path), PLAN, resources=Resources(gpus=2))
    with pytest.raises(UserError, match=r"cpus must be at most 2, .* but got 3"):
        on_ray(load(tmp_path), PLAN, resources=Resources(cpus=3))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cpu": 1}, "unknown key in resources 'cpu': did you mean cpus"),
        ({"cpus": -1}, "cpus must be a number of at least 0, but got -1"),
        ({"cpus": "2"}, "cpus must be a number"),
        ({"gpus": True}, "gpus must be a number"),
        ({"gpus": 1.5}, "gpus above 1 must be a whole number, but got 1.5"),
        ({"cpus": 0}, "must have cpus or gpus"),
        ({"lease_s": 0}, "lease_s must be a number of at least 1"),
    ],
)
def test_resources_that_cannot_be(given: dict[str, Any], words: str) -> None:
    """Each mistake in `resources` is one line with the key and the value."""
    with pytest.raises(UserError, match=words):
        Resources.from_mapping(given)


@pytest.mark.cluster
def test_a_driver_that_is_killed_takes_its_ray_with_it(tmp_path: Path) -> None:
    """Where a search started Ray itself and is killed with SIGKILL, no process of that Ray goes on."""
    spec = write_task(tmp_path, pause=0.05)
    words = ["search", str(spec), "--runner", "ray", "--workdir", str(tmp_path)]
    command = [str(Path(sys.executable).with_name("lossmith")), *words]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as driver:
        below = psutil.Process(driver.pid)
        until(lambda: any(is_worker(one) for one in below.children(recursive=True)), START_S, "a worker")
        family = below.children(recursive=True)
        driver.kill()
    until(lambda: not any(map(is_alive, family)), 60, "the end of what the driver started")


def is_worker(process: psutil.Process) -> bool:
    """Whether it is a worker of Tune's."""
    with suppress(psutil.NoSuchProcess):
        return "ray::ResourceTrainable" in " ".join(process.cmdline())  # as Tune calls it
    return False


def is_alive(process: psutil.Process) -> bool:
    """Whether it goes on; what nobody has waited for does not."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


@pytest.mark.cluster
def test_the_command_runs_on_ray(tmp_path: Path) -> None:
    """`lossmith search --runner ray` starts Ray where there is none and finds what `--runner local` finds."""
    spec = write_task(tmp_path)
    found = []
    for runner in ("ray", "local"):
        words = ["search", str(spec), "--runner", runner, "--json", "--workdir", str(tmp_path / runner)]
        done = subprocess.run(
            [str(Path(sys.executable).with_name("lossmith")), *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    ray, alone = found
    assert ray["verdict"] == alone["verdict"]
    assert [t["scores"] for t in ray["trials"]] == [t["scores"] for t in alone["trials"]]
