"""Which engine is chosen, how wide, and what happens when the memory is short of that."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import UserError
from lossmith.search import Plan, Repeat, Task
from lossmith.search.records import EngineChoice
from lossmith.search.records.typed_json import plain, read
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.search.training.engines import autotune as choosing
from lossmith.search.training.engines import registry, stackable
from lossmith.search.training.engines.autotune import choose_engine
from lossmith.search.training.engines.engine import Engine
from lossmith.search.training.engines.registry import ENGINES
from lossmith.search.training.engines.stackable import usual_width
from lossmith.search.training.engines.stacked import StackedProgram
from lossmith.search.training.local import local
from lossmith.search.training.program import Job, Program

from ..small_tasks import FEATURES, mlp, outcomes_of, standards, task_of


class Recurrent(nn.Module):
    """A recurrent layer over the features as a sequence, and a head."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.body, self.head = kind(1, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (N, 3) of inputs (N, FEATURES)."""
        logits: Tensor = self.head(self.body(inputs.unsqueeze(-1))[0][:, -1])
        return logits


class Deciding(nn.Linear):
    """Takes a branch on its inputs' sum."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits, with a sign that depends on their sum."""
        outputs = super().forward(inputs)
        return -outputs if outputs.sum() > 0 else outputs


def attending() -> nn.Module:
    """Attention whose weights are dropped at random, which torch draws anew for every stacked member."""
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.3, batch_first=True)
    return nn.Sequential(nn.Unflatten(1, (3, 2)), nn.Linear(2, 4), layer, nn.Flatten(), nn.Linear(12, 3))


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test measures anew."""
    monkeypatch.setattr(choosing, "_known", {})


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, float], float], list[int]]:
    """Steps that take what the test says: for stacks of each width, and for a model alone."""

    def set_up(stacked: dict[int, float], alone: float) -> list[int]:
        asked: list[int] = []

        def step_s(engine: Engine, _: Task, width: int, __: object) -> float:
            asked.append(width)
            return stacked[width] if engine.stacks else alone

        monkeypatch.setattr(choosing, "_step_s", step_s)
        return asked

    return set_up


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: Recurrent(nn.LSTM), "lstm"),
        (lambda: Recurrent(nn.GRU), "gru"),
        (lambda: Deciding(FEATURES, 3), "control flow"),
        (attending, "other random numbers"),
    ],
    ids=["LSTM", "GRU", "a branch", "attention with dropout"],
)
def test_what_cannot_be_stacked_goes_to_the_loop(model: Callable[[], nn.Module], reason: str) -> None:
    """Found out before training, with one line that says why; asked to be stacked, it is a mistake."""
    task = task_of(model=model)
    chosen = choose_engine(task)
    assert (chosen.engine, chosen.stackable) == ("loop", False)
    assert reason in chosen.why
    assert len(chosen.why.splitlines()) == 1
    with pytest.raises(UserError, match="use engine auto or loop"):
        choose_engine(task, "cohort")


def test_linear_layers_are_stacked_without_a_race(timed: Callable[..., list[int]]) -> None:
    """For a plain MLP only the width's own speed is measured; nothing is trained alone."""
    asked = timed({256: 0.5}, 0.0)
    chosen = choose_engine(task_of())
    assert asked == [256]
    assert chosen.engine == "cohort"
    assert chosen.width == 256
    assert chosen.members_per_second == pytest.approx(512)


def test_the_faster_engine_is_chosen_and_says_so(timed: Callable[..., list[int]]) -> None:
    """Stacking must win by a tenth; the best of the widths counts; a slow width ends the measuring."""
    task = task_of(model=mlp(3, nn.Tanh))
    timed({4: 0.008, 16: 0.016, 64: 0.128, 256: 0.3}, 0.005)
    chosen = choose_engine(task)
    assert (chosen.engine, chosen.width) == ("cohort", 16)
    assert chosen.why == "1 ms a model and step stacked by 16, 5 ms alone"
    choosing._known.clear()
    asked = timed({4: 0.02, 16: 0.08, 64: 0.32}, 0.0052)
    chosen = choose_engine(task)
    assert asked == [4, 16, 64, 1]
    assert chosen.engine == "loop"
    assert chosen.members_per_second == pytest.approx(1 / 0.0052)


def test_a_measurement_is_remembered(timed: Callable[..., list[int]]) -> None:
    """The same structure, batch and workers are measured once."""
    asked = timed({256: 0.5}, 0.0)
    assert choose_engine(task_of()) is choose_engine(task_of())
    assert asked == [256]


def test_a_choice_travels_as_a_document() -> None:
    """What the store keeps of a choice is that choice when it is read back."""
    chosen = EngineChoice("cohort", 64, "as asked", 12.5)
    assert read(EngineChoice, plain(chosen)) == chosen


def test_a_choice_that_was_made_before_is_followed() -> None:
    """A search that is resumed measures nothing anew."""
    before = EngineChoice("cohort", 3, "as it was", 1.0)
    trainer = local(task_of(), Plan(), "auto", choice=before)
    try:
        assert trainer.choice is before
        assert trainer.width() == 3
    finally:
        trainer.close()


def test_the_width_follows_the_model_and_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small models many, large ones few, and no more than half of the free memory holds."""
    monkeypatch.setattr(stackable, "room", lambda: 1 << 39)
    assert usual_width(1_000, 2) == 256
    assert usual_width(100_000, 2) == 80
    assert usual_width(100_000_000, 2) == 16
    monkeypatch.setattr(stackable, "room", lambda: 24 * 10**9)
    assert usual_width(100_000_000, 2) == 5
    assert usual_width(10**10, 2) == 1


@pytest.mark.parametrize("error", [MemoryError("none left"), torch.OutOfMemoryError("CUDA out of memory")])
def test_out_of_memory_halves_the_width_and_carries_on(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A program that cannot hold more than five members is given no more, and outcomes are as ever."""
    task = task_of("regression", dtype=torch.float64)
    losses, repeats = standards("regression", task.settings), [Repeat(0), Repeat(1)]
    wanted = outcomes_of(Trainer(task, workers=1).train(losses, repeats))
    widths: list[int] = []

    def small(*jobs: Job) -> Program:
        widths.append(len(jobs) * len(jobs[0].candidates))
        if widths[-1] > 5:
            raise error
        return StackedProgram(*jobs)

    monkeypatch.setitem(registry._known, "cohort", replace(ENGINES["cohort"], program=small))
    trainer = Trainer(task, workers=1, choice=EngineChoice("cohort", 32, "as asked"))
    found = outcomes_of(trainer.train(losses, repeats))
    assert max(widths) > 5
    assert trainer.width() == 5
    assert not trainer.stop.is_set()
    for one, other in zip(found, wanted, strict=True):
        assert one.scores == pytest.approx(other.scores, rel=1e-9)


def test_a_single_member_without_memory_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing left to halve: one line names the task, what was said, and what helps."""

    def hungry(*_: Job) -> Program:
        raise MemoryError("none left")

    monkeypatch.setitem(registry._known, "cohort", replace(ENGINES["cohort"], program=hungry))
    task = task_of()
    with pytest.raises(UserError, match=r"must fit into the memory .* none left; make model"):
        Trainer(task, workers=1).train(standards("multiclass", task.settings), [Repeat(0)])


@pytest.mark.end_to_end
def test_the_engines_need_neither_ray_nor_mlflow_nor_optuna() -> None:
    """A machine with a GPU may have torch alone; losses, spaces and engines import there."""
    code = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"ray", "mlflow", "optuna", "sqlalchemy"}:
            raise ImportError(name)

sys.meta_path.insert(0, Missing())
import lossmith.losses, lossmith.spaces
import lossmith.search.training.cohort_trainer, lossmith.search.training.engines.autotune
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
