"""What every engine does with a recipe is what torch's own optimisers, schedulers and clipping do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR, StepLR

from lossmith.losses import UserError, freeze, standard_spec
from lossmith.search import Candidate, Recipe, Repeat, Task
from lossmith.search.random_streams import stream_seed
from lossmith.search.tasks.splits import split_for
from lossmith.search.training.engines.registry import ENGINES
from lossmith.search.training.program import Job
from lossmith.spaces.recipe import SCHEDULES

from ..small_tasks import cnn, image_task, task_of

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"optimizer": "adam"},
    "adamw": {"optimizer": "adamw"},
    "sgd": {"optimizer": "sgd", "momentum": 0.0},
    "momentum": {"optimizer": "sgd", "momentum": 0.8},
    "nesterov": {"optimizer": "sgd", "momentum": 0.8, "nesterov": True},
}
EPOCHS = 4


@pytest.fixture(scope="session")
def task() -> Task:
    """An MLP in float64, six batches an epoch."""
    return task_of(dtype=torch.float64, recipe={"epochs": EPOCHS, "batch_size": 16})


def members(task: Task, recipe: Recipe) -> list[Candidate]:
    """Three losses whose rates, decays and clipping differ, and momenta where there is one."""
    changes = (
        {"learning_rate": 0.02},
        {"learning_rate": 0.005, "weight_decay": 0.1, "clip": None},
        {"learning_rate": 0.05, "weight_decay": 0.01, "momentum": 0.3 if recipe.momentum else 0.0},
    )
    names = ("cross_entropy", "label_smoothing", "focal")
    return [
        Candidate(standard_spec(name, task.kind), replace(recipe, **change))  # type: ignore[arg-type]  # numbers
        for name, change in zip(names, changes, strict=True)
    ]


def written_out(job: Job, candidate: Candidate) -> nn.Module:
    """The training of one candidate as its user would write it, with nothing but torch."""
    recipe, model = candidate.recipe, job.task.build(stream_seed(job.seed, "model", job.repeat.seed))
    loss = freeze(candidate.spec.bind(job.split.constants["class_counts"].tolist()))
    optimizer: torch.optim.Optimizer
    if recipe.optimizer == "sgd":
        optimizer = torch.optim.SGD(
            model.parameters(),
            lr=recipe.rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
        )
    else:
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimizer]
        optimizer = kind(model.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedulers: dict[str, LRScheduler | None] = {
        "constant": None,
        "cosine": CosineAnnealingLR(optimizer, EPOCHS * 6) if recipe.schedule == "cosine" else None,
        "one_cycle": OneCycleLR(optimizer, recipe.rate, EPOCHS * 6, cycle_momentum=False)
        if recipe.schedule == "one_cycle"
        else None,
        "step": StepLR(optimizer, 2 * 6, 0.3) if recipe.schedule == "step" else None,
    }
    schedule = schedulers[recipe.schedule]
    for epoch in range(EPOCHS):
        for step, (inputs, targets, _) in enumerate(job.batches(epoch)):
            optimizer.zero_grad()
            loss(model(inputs), targets).backward()
            if recipe.clip is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            optimizer.step()
            if schedule is not None and epoch * 6 + step + 1 < EPOCHS * 6:
                schedule.step()
    return model


@pytest.mark.parametrize("clip", [None, 0.2])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_recipe_means_what_torch_makes_of_it(
    task: Task, engine: str, optimizer: str, schedule: str, clip: float | None
) -> None:
    """After 24 steps every member has the parameters of the written-out loop (1e-9 in float64: rounding).

    The training is cut in three, as rungs do, and a member is dropped on the way.
    """
    timing: dict[str, Any] = {
        "epochs": EPOCHS,
        "batch_size": 16,
        "schedule": schedule,
        "step_epochs": 2,
        "step_factor": 0.3,
    }
    recipe = Recipe.from_mapping({**timing, **OPTIMIZERS[optimizer], "clip": clip})
    candidates = members(task, recipe)
    job = Job(task, split_for(task, Repeat(0), 1, 0), candidates, Repeat(0), seed=0)
    assert job.steps == 6
    program = ENGINES[engine].program(job)
    program.train(1)
    program.train(2)
    program.keep([0, 2])
    program.train(1)
    for place, member in enumerate((0, 2)):
        wanted = written_out(job, candidates[member]).state_dict()
        for name, value in program.parameters(place).items():
            torch.testing.assert_close(value, wanted[name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("engine", ENGINES)
def test_members_may_differ_in_their_schedule(task: Task, engine: str) -> None:
    """A cohort of every schedule trains each member as a cohort of its own would (1e-9 in float64)."""
    loss = standard_spec("cross_entropy", task.kind)
    mixed = [Candidate(loss, replace(task.settings, schedule=name)) for name in SCHEDULES]
    together = ENGINES[engine].program(Job(task, split_for(task, Repeat(0), 1, 0), mixed, Repeat(0), 0))
    together.train(EPOCHS)
    for member, candidate in enumerate(mixed):
        alone = ENGINES[engine].program(
            Job(task, split_for(task, Repeat(0), 1, 0), [candidate], Repeat(0), 0)
        )
        alone.train(EPOCHS)
        for name, value in alone.parameters(0).items():
            torch.testing.assert_close(together.parameters(member)[name], value, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("model", ["mlp", "cnn with batch normalisation"])
@pytest.mark.parametrize(("engine", "seeds"), [("loop", 1), ("cohort", 1), ("cohort", 2)])
def test_a_member_that_stops_early_is_one_of_fewer_epochs(
    engine: str, seeds: int, model: str, schedule: str
) -> None:
    """After 1, 2 or 4 of 4 epochs, it is what the loop makes in as many (1e-9 in float64), buffers too.

    The training is cut at the third epoch, as rungs do, and a member that goes on is dropped there.
    """
    timing: dict[str, Any] = {"epochs": EPOCHS, "batch_size": 16, "schedule": schedule}
    task = (
        task_of(dtype=torch.float64, recipe=timing)
        if model == "mlp"
        else image_task(cnn(lambda: nn.BatchNorm2d(4), bias=False), torch.float64, **timing)
    )
    loss = standard_spec("label_smoothing", task.kind)
    stops = (0.2, 1.0, 0.5, 0.9)
    candidates = [Candidate(loss, replace(task.settings, stop_after=share)) for share in stops]
    repeats = [Repeat(seed) for seed in range(seeds)]
    splits = {r: split_for(task, r, 1, 0) for r in repeats}
    program = ENGINES[engine].program(*(Job(task, splits[r], candidates, r, 0) for r in repeats))
    program.train(3)
    program.keep([0, 2, 3])
    program.train(1)
    for place, (repeat, epochs) in enumerate((r, e) for r in repeats for e in (1, 2, 4)):
        plain = replace(task.settings, epochs=epochs)
        alone = ENGINES["loop"].program(Job(task, splits[repeat], [Candidate(loss, plain)], repeat, 0))
        alone.train(epochs)
        for name, value in alone.parameters(0).items():
            torch.testing.assert_close(program.parameters(place)[name], value, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_member_that_never_stops_goes_on_for_as_long_as_it_is_trained(task: Task, engine: str) -> None:
    """Beyond its epochs, too: the choice of an engine times a step as often as it needs."""
    candidate = Candidate(standard_spec("cross_entropy", task.kind), task.settings)
    program = ENGINES[engine].program(Job(task, split_for(task, Repeat(0), 1, 0), [candidate], Repeat(0), 0))
    program.train(EPOCHS)
    before = program.parameters(0)
    program.train(1)
    assert all(bool((value != before[name]).any()) for name, value in program.parameters(0).items())


def test_a_recipe_tells_what_it_says_otherwise() -> None:
    """Epochs, schedule and what the optimiser reads are told in words; learning rates and equals are not."""
    task = Recipe(epochs=10, optimizer="sgd", learning_rate=0.1)
    found = replace(task, learning_rate=0.2, stop_after=0.5, schedule="cosine", momentum=0.5, step_factor=0.3)
    assert found.beside(task) == "5 epochs, momentum 0.5, schedule cosine"
    assert task.beside(task) == replace(task, stop_after=0.99).beside(task) == ""
    adam = Recipe()
    assert replace(adam, momentum=0.3, clip=1.0).beside(adam) == "clip 1"
    assert adam.beside(replace(adam, clip=1.0)) == "clip none"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schedule": "cosines"}, "unknown schedule in the recipe 'cosines': did you mean cosine"),
        ({"clip": 0}, "recipe: clip must be above 0, but got 0"),
        ({"clip": "small"}, "recipe: clip must be a number, but got 'small'"),
        ({"nesterov": 1}, "recipe: nesterov must be true or false, but got 1"),
        (
            {"nesterov": True},
            "recipe: nesterov must go with optimizer sgd and a momentum above 0, but got adam",
        ),
        ({"optimizer": "sgd", "momentum": 0, "nesterov": True}, "but got sgd with momentum 0"),
        ({"step_epochs": 0}, "recipe: step_epochs must be a whole number of at least 1, but got 0"),
        ({"step_factor": 1.0}, "recipe: step_factor must lie in (0, 1), but got 1.0"),
        ({"stop_after": 0}, "recipe: stop_after must lie in (0, 1], but got 0"),
        ({"stop_after": 10}, "recipe: stop_after must lie in (0, 1], but got 10"),
        ({"optimizer": "adamww"}, "did you mean adamw"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(changes: dict[str, object], words: str) -> None:
    """One line names the rule and the value."""
    with pytest.raises(UserError) as caught:
        Recipe.from_mapping(changes)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
