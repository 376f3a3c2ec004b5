"""Where programs are trained and in which precision: what a SPEC's words come to, and what is equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import UserError
from lossmith.losses.stacked.stacked_loss import StackedLoss
from lossmith.search import Repeat, Task
from lossmith.search.records import Plan
from lossmith.search.tasks.splits import final_split
from lossmith.search.tasks.streaming import Streamed
from lossmith.search.training.engines.device import Hardware, device_named, moved
from lossmith.search.training.engines.loop import LoopProgram
from lossmith.search.training.engines.stacked import StackedProgram
from lossmith.search.training.local import local
from lossmith.search.training.program import Job, Program

from ..small_tasks import drawn, mlp, standards, task_of

META = torch.device("meta")  # holds shapes and no numbers, on every machine


def job(task: Task, precision: str) -> Job:
    """A few losses on the whole training part."""
    losses = [*standards(task.kind, task.settings)[:3], *drawn(task.kind, task.settings, 3)]
    return Job(task, final_split(task), losses, Repeat(0), 0, precision=precision)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", ""])
def test_a_device_that_is_no_device_is_refused(name: str) -> None:
    """The error names the rule and the word, in one line."""
    with pytest.raises(UserError, match=r"device must be auto, cpu, cuda or cuda:NUMBER, but got '") as error:
        device_named(name)
    assert "\n" not in str(error.value)


def test_a_gpu_that_is_not_here_is_refused() -> None:
    """The error says how many there are and what to write instead."""
    with pytest.raises(UserError, match=r"device cuda:99 must be a GPU .* use device: cpu"):
        device_named("cuda:99")


def test_nobody_gets_a_gpu_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is one, it is for whoever names it: auto is the processor."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert [str(device_named(name)) for name in ("auto", "cpu", "cuda")] == ["cpu", "cpu", "cuda:0"]


def test_an_unknown_precision_is_refused() -> None:
    """With the ones that are known."""
    with pytest.raises(UserError, match=r"bf16"):
        Hardware.asked("cpu", "fp8")


def test_data_moves_to_the_device_where_it_fits() -> None:
    """All four tensors, or none where they would take more than a quarter of what is free."""
    split = final_split(task_of())
    size = sum(part.numel() * part.element_size() for part in (*split.train, *split.held))
    there, here = moved(split, META, 4 * size), moved(split, META, 4 * size - 1)
    assert {part.device for part in (*there.train, *there.held)} == {META}
    assert here is split


def test_streamed_inputs_stay_where_they_are() -> None:
    """A device gets them batch by batch."""
    split = final_split(task_of())
    streamed: Tensor = Streamed(split.train[0])  # type: ignore[assignment]  # it does what batches ask of one
    split = replace(split, train=(streamed, split.train[1]))
    assert moved(split, META, 1 << 40) is split


def test_a_search_on_the_processor_says_so() -> None:
    """What `lossmith show` prints."""
    assert str(Hardware.asked("cpu", "bf16")) == "cpu, bf16"


@pytest.mark.parametrize("between", [nn.ReLU, nn.Tanh])
def test_the_engines_agree_in_bf16(between: Callable[[], nn.Module]) -> None:
    """A stacked member ends where one trained alone ends, as near as eight bits of mantissa allow."""
    task = task_of(model=mlp(3, between))
    programs: list[Program] = [StackedProgram(job(task, "bf16")), LoopProgram(job(task, "bf16"))]
    exact: Program = LoopProgram(job(task, "float32"))
    for program in (*programs, exact):
        program.train(2)
    one, other, wanted = (program.outputs() for program in (*programs, exact))
    assert one.dtype == other.dtype == torch.float32
    torch.testing.assert_close(one, other, rtol=0.03, atol=0.03)  # a few roundings of 2^-8
    assert not torch.allclose(other, wanted, rtol=1e-4, atol=1e-4)  # and it is bf16 that they computed in


@pytest.mark.parametrize("engine", [StackedProgram, LoopProgram])
def test_parameters_are_kept_in_float32(engine: Callable[[Job], Program]) -> None:
    """Only products are taken in bf16: small steps would be lost on parameters of eight bits."""
    program = engine(job(task_of(), "bf16"))
    program.train(1)
    assert {value.dtype for value in program.parameters(0).values()} == {torch.float32}


def test_losses_are_computed_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the loss gives is float32, though the outputs were bf16."""
    seen: list[tuple[torch.dtype, torch.dtype]] = []
    loss = StackedLoss.__call__

    def watched(self: StackedLoss, outputs: Tensor, targets: Tensor) -> Tensor:
        found = loss(self, outputs, targets)
        seen.append((outputs.dtype, found.dtype))
        return found

    monkeypatch.setattr(StackedLoss, "__call__", watched)
    StackedProgram(job(task_of(), "bf16")).train(1)
    assert set(seen) == {(torch.bfloat16, torch.float32)}


def test_a_model_with_running_statistics_is_refused_in_bf16() -> None:
    """Before anything is trained, with what to do instead."""
    task = task_of(model=mlp(3, lambda: nn.BatchNorm1d(8)))
    with pytest.raises(UserError, match=r"small-multiclass has 2.running_mean; use GroupNorm"):
        local(task, Plan(), "loop", hardware=Hardware.asked("cpu", "bf16"))
