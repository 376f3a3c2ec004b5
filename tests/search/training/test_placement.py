"""Everything a program computes with lies on its device, as tensors without data tell on any machine.

The device `meta` stands for one that is not the processor: its tensors have shapes and no data, and whatever
mixes them with tensors in memory raises, as a GPU does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import Kind
from lossmith.losses.kinds import KINDS
from lossmith.search import Candidate, Repeat, Task
from lossmith.search.tasks.splits import Split, split_for
from lossmith.search.training.engines import autotune, registry
from lossmith.search.training.engines.autotune import choose_engine
from lossmith.search.training.engines.device import Hardware
from lossmith.search.training.engines.engine import Engine
from lossmith.search.training.engines.loop import LoopProgram
from lossmith.search.training.engines.registry import ENGINES
from lossmith.search.training.program import Job
from lossmith.search.training.scored_program import ScoredProgram

from ..small_tasks import cnn, drawn, image_task, mlp, standards, task_of

META = torch.device("meta")
SGD: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 16,
    "optimizer": "sgd",
    "learning_rate": 0.01,
}  # no fused Adam on meta
TASKS: dict[str, Callable[[], Task]] = {
    "chain": lambda: task_of(recipe=SGD, validation=None),
    "vectorised": lambda: task_of(recipe=SGD, validation=None, model=mlp(3, nn.Tanh)),
    "batch normalisation": lambda: replace(
        image_task(cnn(lambda: nn.BatchNorm2d(4)), **SGD), validation=None
    ),
    **{
        kind: lambda kind=kind: task_of(kind, recipe=SGD, validation=None)  # type: ignore[misc]
        for kind in ("binary", "multilabel", "regression")
    },
}
REPEATS = (Repeat(0, 0), Repeat(1, 1), Repeat(2, 0))


def jobs_of(task: Task, candidates: Sequence[Candidate], *, placed: bool) -> list[Job]:
    """The candidates on each repeat, their data on the device or left behind."""
    found = []
    for repeat in REPEATS:
        split = split_for(task, repeat, 2, 0)
        on = Hardware(META).placed(split, task) if placed else split
        found.append(Job(task, on, candidates, repeat, 0, device=META))
    return found


@pytest.mark.parametrize("placed", [True, False], ids=["data there", "data left behind"])
@pytest.mark.parametrize("name", TASKS)
def test_a_program_of_several_repeats_trains_on_its_device(name: str, placed: bool) -> None:  # noqa: FBT001
    """Models of every repeat, losses, optimiser and outputs: nothing is left in memory, nothing mixed."""
    task = TASKS[name]()
    losses = [*standards(task.kind, task.settings), *drawn(task.kind, task.settings, 6)]
    program = ENGINES["cohort"].program(*jobs_of(task, losses, placed=placed))
    program.train(1)
    program.keep([0, 2, 3])
    program.train(1)
    assert program.outputs().device == META
    assert len(program.outputs()) == 3 * len(REPEATS)


@pytest.mark.parametrize("name", TASKS)
def test_the_loop_trains_on_its_device(name: str) -> None:
    """One model after another, with any loss of the family."""
    task = TASKS[name]()
    losses = [*standards(task.kind, task.settings), *drawn(task.kind, task.settings, 6)]
    program = ENGINES["loop"].program(jobs_of(task, losses, placed=True)[0])
    program.train(1)
    assert program.outputs().device == META


class Elsewhere:
    """A program whose outputs are made up: on another device than the targets of its split."""

    def __init__(self, outputs: Tensor) -> None:
        self._outputs = outputs

    def outputs(self, inputs: Tensor | None = None) -> Tensor:
        """What it was made with."""
        del inputs
        return self._outputs

    def faults(self) -> dict[int, str]:
        """None."""
        return {}

    def train(self, epochs: int) -> None:
        """Nothing is trained."""
        del epochs

    def parameters(self, member: int) -> dict[str, Tensor]:
        """None."""
        del member
        return {}

    def keep(self, members: Sequence[int]) -> None:
        """All stay."""
        del members

    def join(self, other: Self) -> None:
        """Nobody joins."""
        del other


@pytest.mark.parametrize("kind", KINDS)
def test_members_are_scored_where_their_outputs_are(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """The metric gets outputs, targets and weights of one device, whichever device the split is on."""
    task, seen = task_of(kind, recipe=SGD), list[set[torch.device]]()
    split = split_for(task, Repeat(0), 1, 0)
    away = Split(split.train, (split.held[0].to(META), split.held[1].to(META)), split.constants)
    losses = standards(kind, task.settings)[:2]
    shape = (2, 40, *{"multiclass": (3,), "multilabel": (2,)}.get(kind, ()))

    def score(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        seen.append({outputs.device, targets.device, weights.device})
        return torch.zeros(len(weights), len(outputs), dtype=torch.float64)

    object.__setattr__(task, "own_metric", replace(task.measure, score=score))
    # Targets without data cannot be brought back, so it is looked at what they are asked to become.
    asked: list[object] = []
    to = Tensor.to
    monkeypatch.setattr(Tensor, "to", lambda own, *given, **more: _moved(to, asked, own, *given, **more))
    job = Job(task, away, losses, Repeat(0), 0)
    ScoredProgram(Elsewhere(torch.randn(shape)), [job], dict(enumerate(losses))).scores(5)
    assert seen
    assert all(devices == {torch.device("cpu")} for devices in seen)
    assert torch.device("cpu") in asked


def _moved(
    to: Callable[..., Tensor], asked: list[object], own: Tensor, *given: object, **more: object
) -> Tensor:
    if own.device == META and given and given[0] == torch.device("cpu"):
        asked.append(given[0])
        return torch.zeros(own.shape, dtype=own.dtype)
    return to(own, *given, **more)


def test_an_engine_is_chosen_where_it_will_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried and what is measured is a program on the hardware that is asked for, at its precision."""
    seen: list[Job] = []

    class Watched(LoopProgram):
        def __init__(self, job: Job) -> None:
            seen.append(job)
            super().__init__(job)

    monkeypatch.setattr(autotune, "_known", {})
    monkeypatch.setattr(autotune, "MEASURED_S", 0.0001)
    monkeypatch.setitem(registry._known, "watched", Engine("watched", Watched))
    task = task_of(model=mlp(3, nn.Tanh), recipe=SGD)
    choice = choose_engine(task, "auto", 1, Hardware(META))
    assert choice.engine in ENGINES
    assert choice.stackable
    assert seen
    assert {job.device for job in seen} == {META}
    assert {job.split.train[0].device for job in seen} == {META}
