"""Several repeats in one program: each member ends where a program of its own repeat takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from lossmith.search import Outcome, Repeat, Task
from lossmith.search.records import EngineChoice, RungSchedule
from lossmith.search.tasks.splits import split_for
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.search.training.engines import registry
from lossmith.search.training.engines.registry import ENGINES
from lossmith.search.training.engines.stacked import StackedProgram
from lossmith.search.training.program import Job

from ..small_tasks import cnn, drawn, image_task, mlp, outcomes_of, standards, task_of

MODELS: dict[str, Callable[[], Task]] = {
    "chain": lambda: task_of(dtype=torch.float64, validation=None),
    "mlp": lambda: task_of(dtype=torch.float64, validation=None, model=mlp(3, nn.Tanh)),
    "cnn with batch normalisation": lambda: replace(
        image_task(cnn(lambda: nn.BatchNorm2d(4), bias=False), torch.float64), validation=None
    ),
    "regression": lambda: task_of("regression", dtype=torch.float64, validation=None),
    "multilabel": lambda: task_of("multilabel", dtype=torch.float64, validation=None),
}


@pytest.mark.parametrize("model", MODELS)
def test_a_member_ends_where_it_ends_in_a_program_of_its_repeat(model: str) -> None:
    """Own initialisation, fold, batches and class counts: within 1e-9 in float64, also after a drop."""
    task = MODELS[model]()
    losses = [*standards(task.kind, task.settings)[:5], *drawn(task.kind, task.settings, 4)]
    repeats = (Repeat(0, 0), Repeat(3, 1), Repeat(1, 0))
    jobs = [Job(task, split_for(task, r, 2, 0), losses, r, seed=0) for r in repeats]
    together, alone = StackedProgram(*jobs), [StackedProgram(job) for job in jobs]
    for programs in ([together], alone):
        for program in programs:
            program.train(1)
            program.keep([0, 2, 3, 7])
            program.train(2)
    wanted = torch.cat([program.outputs() for program in alone])
    torch.testing.assert_close(together.outputs(), wanted, rtol=1e-8, atol=1e-9)
    for place in range(12):
        own = alone[place // 4].parameters(place % 4)
        for name, value in together.parameters(place).items():
            torch.testing.assert_close(value, own[name], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("model", MODELS)
def test_a_member_ends_where_it_ends_without_those_that_joined(model: str, optimizer: str) -> None:
    """Survivors of two programs go on in one, each exactly as in its own: within 1e-9 in float64."""
    task = MODELS[model]()
    task = replace(task, recipe={**task.settings.to_json(), "optimizer": optimizer})
    losses = [*standards(task.kind, task.settings)[:3], *drawn(task.kind, task.settings, 4)]
    repeats = (Repeat(0, 0), Repeat(3, 1))

    def program(low: int, high: int) -> StackedProgram:
        made = StackedProgram(
            *(Job(task, split_for(task, r, 2, 0), losses[low:high], r, seed=0) for r in repeats)
        )
        made.train(1)
        made.keep([0, 2])
        return made

    joined, alone = program(0, 3), [program(0, 3), program(3, 7)]
    joined.join(program(3, 7))
    for each in (joined, *alone):
        each.train(2)
    order = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3), (1, 2), (1, 3)]  # repeat by repeat
    for place, (source, member) in enumerate(order):
        own = alone[source].parameters(member)
        for name, value in joined.parameters(place).items():
            torch.testing.assert_close(value, own[name], rtol=1e-8, atol=1e-9)


def test_programs_that_lost_members_become_one_and_outcomes_stay_the_same() -> None:
    """Twelve candidates in programs of six members: survivors are put together, and nothing else changes."""
    task = task_of(dtype=torch.float64)
    losses = [*standards(task.kind, task.settings)[:4], *drawn(task.kind, task.settings, 8)]
    trained: list[int] = []

    class LossProbe(StackedProgram):
        def train(self, epochs: int) -> None:
            trained.append(len(self._candidates))
            super().train(epochs)

    def outcomes(engine: str, width: int) -> list[Outcome]:
        choice = EngineChoice(engine, width, "as the test has it")
        return outcomes_of(
            Trainer(task, workers=1, engine=engine, choice=choice).train(
                losses, [Repeat(0)], RungSchedule((1, 2))
            )
        )

    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(registry._known, "cohort", replace(ENGINES["cohort"], program=LossProbe))
        narrow = outcomes("cohort", 6)
    assert trained == [6, 6, 6, 3]  # one epoch each, before, between and after the rungs
    for one, other in zip(narrow, outcomes("cohort", 64), strict=True):
        assert (one.state, one.epochs) == (other.state, other.epochs)
        assert one.scores == pytest.approx(other.scores, rel=1e-9)
        assert dict(one.rungs) == pytest.approx(dict(other.rungs), rel=1e-9)


def test_outcomes_do_not_depend_on_what_is_stacked() -> None:
    """A trainer whose programs hold one repeat each, and one that stacks six, give the same outcomes."""
    task = task_of("regression", dtype=torch.float64, validation=None)
    losses = standards(task.kind, task.settings)[:4]
    repeats = [Repeat(seed, seed % 2) for seed in range(6)]
    narrow, wide = (
        outcomes_of(Trainer(task, folds=2, workers=workers).train(losses, repeats, RungSchedule((1,))))
        for workers in (6, 1)
    )
    for one, other in zip(narrow, wide, strict=True):
        assert (one.state, one.epochs) == (other.state, other.epochs)
        assert one.scores == pytest.approx(other.scores, rel=1e-9)


def test_what_draws_is_not_stacked_with_another_repeat() -> None:
    """Dropout's masks are a repeat's own, so each of its programs holds one repeat."""
    task = task_of(model=mlp(3, lambda: nn.Dropout(0.5)), dtype=torch.float64)
    losses, repeats = standards("multiclass", task.settings)[:2], [Repeat(0), Repeat(1)]
    both = outcomes_of(Trainer(task, workers=1).train(losses, repeats))
    for place, repeat in enumerate(repeats):
        for one, other in zip(
            both, outcomes_of(Trainer(task, workers=1).train(losses, [repeat])), strict=True
        ):
            assert one.scores[place] == other.scores[0]


def test_augmented_batches_are_every_members_own() -> None:
    """`augment` is called for a batch of a repeat with a generator of that batch, whichever engine asks."""
    task = replace(task_of(dtype=torch.float64), augment=_shaken)
    losses = standards("multiclass", task.settings)[:3]
    one, other = (
        Trainer(task, engine=name, workers=1).test(losses, [Repeat(0)]) for name in ("cohort", "loop")
    )
    plain = Trainer(task_of(dtype=torch.float64), workers=1).test(losses, [Repeat(0)])
    assert one.outputs is not None
    assert other.outputs is not None
    assert plain.outputs is not None
    torch.testing.assert_close(one.outputs, other.outputs, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(one.outputs, plain.outputs, atol=1e-4)


def _shaken(inputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return inputs + torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype)
