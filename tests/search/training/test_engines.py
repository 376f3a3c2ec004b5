"""Both engines train the same candidates to the same end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import Kind, standard_spec
from lossmith.search import Candidate, Recipe, Repeat, Task
from lossmith.search.tasks.splits import split_for
from lossmith.search.training.engines.registry import ENGINES
from lossmith.search.training.program import Job, Program, Stopped

from ..small_tasks import cnn, drawn, image_task, mlp, standards, task_of

DTYPES = {"float64": (torch.float64, 1e-9), "float32": (torch.float32, 1e-3)}
MODELS: dict[str, Callable[..., Task]] = {
    "mlp": lambda dtype, recipe: task_of(dtype=dtype, recipe=recipe),
    "deep mlp": lambda dtype, recipe: task_of(
        dtype=dtype, recipe=recipe, model=mlp(3, lambda: nn.Linear(8, 8), nn.ReLU)
    ),
    "mlp with tanh": lambda dtype, recipe: task_of(dtype=dtype, recipe=recipe, model=mlp(3, nn.Tanh)),
    "mlp with dropout": lambda dtype, recipe: task_of(
        dtype=dtype, recipe=recipe, model=mlp(3, lambda: nn.Dropout(0.3))
    ),
    "cnn": lambda dtype, recipe: image_task(cnn(), dtype, **recipe),
    "cnn with dropout": lambda dtype, recipe: image_task(cnn(lambda: nn.Dropout2d(0.3)), dtype, **recipe),
    # Without a bias before the normalisation: its gradient would be pure rounding, which Adam makes large.
    "cnn with batch normalisation": lambda dtype, recipe: image_task(
        cnn(lambda: nn.BatchNorm2d(4), bias=False), dtype, **recipe
    ),
    "cnn with group normalisation": lambda dtype, recipe: image_task(
        cnn(lambda: nn.GroupNorm(2, 4), bias=False), dtype, **recipe
    ),
    "mlp with layer normalisation": lambda dtype, recipe: task_of(
        dtype=dtype, recipe=recipe, model=mlp(3, lambda: nn.LayerNorm(8), nn.GELU)
    ),
    "convolution over time": lambda dtype, recipe: task_of(dtype=dtype, recipe=recipe, model=over_time),
    "embedding": lambda *given: words(*given),  # noqa: PLW0108  (defined below)
    "attention": lambda dtype, recipe: task_of(dtype=dtype, recipe=recipe, model=attending),
}


def over_time() -> nn.Module:
    """A convolution along the features as a series of one channel."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
    )


def attending() -> nn.Module:
    """A transformer's layer over the features as three tokens of two numbers.

    Without biases: that of the keys has no gradient but rounding.
    """
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True, bias=False)
    return nn.Sequential(nn.Unflatten(1, (3, 2)), nn.Linear(2, 4), layer, nn.Flatten(), nn.Linear(12, 3))


def words(dtype: torch.dtype, recipe: dict[str, Any]) -> Task:
    """Sequences of five words, of which the first tells the class."""
    draw = torch.Generator().manual_seed(0)
    parts = [torch.randint(12, (count, 5), generator=draw) for count in (90, 40, 40)]
    train, validation, test = ((part, part[:, 0] % 3) for part in parts)
    return Task(
        name="words",
        kind="multiclass",
        train=train,
        validation=validation,
        test=test,
        model=lambda: nn.Sequential(nn.Embedding(12, 4), nn.Flatten(), nn.Linear(20, 3)).to(dtype),
        metric="accuracy",
        recipe=recipe,
    )


def job(task: Task, candidates: Sequence[Candidate], repeat: Repeat | None = None) -> Job:
    """These candidates on one repeat of the task."""
    repeat = repeat or Repeat(0)
    return Job(task, split_for(task, repeat, 1, 0), candidates, repeat, seed=0)


def varied(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The same losses with learning rates and weight decays that differ from member to member."""
    return [
        replace(
            c, recipe=replace(c.recipe.with_rate(c.recipe.rate * (1 + i % 3)), weight_decay=0.01 * (i % 4))
        )
        for i, c in enumerate(candidates)
    ]


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest difference of two members' parameters, relative to the largest value of each tensor."""
    assert one.keys() == other.keys()
    return max(
        float((one[name] - other[name]).abs().max() / other[name].abs().max().clamp(min=1e-12))
        for name in one
    )


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Callable[[Job], Program]:
    """Each engine in turn."""
    return ENGINES[request.param].program


@pytest.fixture(scope="session")
def task() -> Task:
    """An MLP in float64."""
    return task_of(dtype=torch.float64)


@pytest.fixture(scope="session")
def candidates(task: Task) -> list[Candidate]:
    """A dozen losses with various learning rates."""
    return varied([*standards("multiclass", task.settings)[:8], *drawn("multiclass", task.settings, 4)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("model", MODELS)
def test_a_member_of_a_cohort_ends_where_it_ends_alone(model: str, optimizer: str, dtype: str) -> None:
    """After 3 epochs a cohort's members have the parameters and buffers that a plain loop gives them.

    Within 1e-9 relative in float64 and 1e-3 in float32: both engines round differently in each of 9 to
    12 steps, and Adam divides by gradients that may be small. SGD's usual rate of 0.1 is too large for some
    losses of the family; where training explodes it multiplies every rounding.
    """
    kind, tolerance = DTYPES[dtype]
    recipe = {"epochs": 3, "batch_size": 24, "optimizer": optimizer}
    task = MODELS[model](kind, recipe if optimizer == "adam" else {**recipe, "learning_rate": 3e-3})
    # One model meets every standard loss; what differs between models is not the loss.
    chosen = standards("multiclass", task.settings)[:: 1 if model == "mlp" else 4]
    losses = varied([*chosen, *drawn("multiclass", task.settings, 3)])
    cohort, loop = (ENGINES[name].program(job(task, losses)) for name in ("cohort", "loop"))
    for program in (cohort, loop):
        program.train(3)
    ends = [distance(cohort.parameters(member), loop.parameters(member)) for member in range(len(losses))]
    assert max(ends) < tolerance
    torch.testing.assert_close(
        cohort.outputs(task.validation[0]), loop.outputs(task.validation[0]), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("kind", ["binary", "multilabel", "regression"])
def test_the_engines_agree_for_every_kind_of_problem(kind: Kind) -> None:
    """Binary, multilabel and regression losses train to the same parameters, within 1e-9 in float64."""
    task = task_of(kind, dtype=torch.float64)
    losses = varied([*standards(kind, task.settings), *drawn(kind, task.settings, 6)])
    programs = [ENGINES[name].program(job(task, losses)) for name in ("cohort", "loop")]
    for program in programs:
        program.train(3)
    assert max(distance(*(p.parameters(m) for p in programs)) for m in range(len(losses))) < 1e-9


def test_training_moves_every_parameter(
    engine: Callable[[Job], Program], task: Task, candidates: list[Candidate]
) -> None:
    """Members begin at the task's own initialisation for the repeat's seed and leave it."""
    program = engine(job(task, candidates))
    before = program.parameters(0)
    assert all(torch.equal(before[name], program.parameters(5)[name]) for name in before)
    program.train(1)
    after = program.parameters(0)
    assert all(not torch.equal(before[name], after[name]) for name in before)


def test_parameters_are_a_copy(
    engine: Callable[[Job], Program], task: Task, candidates: list[Candidate]
) -> None:
    """Whoever changes the parameters that were handed out does not change the member."""
    program = engine(job(task, candidates[:2]))
    handed_out = program.parameters(0)
    for value in handed_out.values():
        value.zero_()
    assert any(bool(value.any()) for value in program.parameters(0).values())


def test_training_in_pieces_is_training(
    engine: Callable[[Job], Program], task: Task, candidates: list[Candidate]
) -> None:
    """One epoch and two more lead bit for bit where three epochs lead."""
    whole, pieces = engine(job(task, candidates)), engine(job(task, candidates))
    whole.train(3)
    pieces.train(1)
    pieces.outputs(task.validation[0])  # looking does no harm either
    pieces.train(2)
    for member in range(len(candidates)):
        assert distance(pieces.parameters(member), whole.parameters(member)) == 0


def test_a_member_does_not_depend_on_width_slot_or_neighbours(
    engine: Callable[[Job], Program], task: Task, candidates: list[Candidate]
) -> None:
    """Alone, reversed or among others a member ends in one place, but for rounding (1e-9 in float64)."""
    together = engine(job(task, candidates))
    backwards = engine(job(task, candidates[::-1]))
    alone = engine(job(task, candidates[3:4]))
    for program in (together, backwards, alone):
        program.train(3)
    last = len(candidates) - 1
    for member in range(len(candidates)):
        assert distance(together.parameters(member), backwards.parameters(last - member)) < 1e-9
    assert distance(alone.parameters(0), together.parameters(3)) < 1e-9


def test_those_that_are_kept_end_where_they_would_have_ended(
    engine: Callable[[Job], Program], task: Task, candidates: list[Candidate]
) -> None:
    """Dropping members, twice, changes nothing for the others but rounding (1e-9 in float64)."""
    whole, thinned = engine(job(task, candidates)), engine(job(task, candidates))
    whole.train(3)
    thinned.train(1)
    thinned.keep([7, 2, 9, 10])
    thinned.train(1)
    thinned.keep([1, 3])
    thinned.train(1)
    assert thinned.outputs(task.validation[0]).shape[0] == 2
    for place, member in enumerate((2, 10)):
        assert distance(thinned.parameters(place), whole.parameters(member)) < 1e-9


def test_those_that_join_end_where_they_would_have_ended(
    engine: Callable[[Job], Program], task: Task, candidates: list[Candidate]
) -> None:
    """Survivors of two programs that go on as one end as in a program of all (1e-9 in float64)."""
    whole, host, guest = (
        engine(job(task, some)) for some in (candidates[:8], candidates[:4], candidates[4:8])
    )
    for program in (whole, host, guest):
        program.train(1)
    host.keep([0, 3])
    guest.keep([2, 1])
    host.join(guest)
    for program in (whole, host):
        program.train(2)
    for place, member in enumerate((0, 3, 6, 5)):
        assert distance(host.parameters(place), whole.parameters(member)) < 1e-9


def test_equal_repeats_are_paired_and_others_are_not(
    engine: Callable[[Job], Program], task: Task, candidates: list[Candidate]
) -> None:
    """The same seed gives the same result again; another seed another initialisation and batch order."""
    one, again, other = (engine(job(task, candidates[:1], Repeat(seed))) for seed in (0, 0, 1))
    assert distance(one.parameters(0), other.parameters(0)) > 0
    for program in (one, again):
        program.train(1)
    assert distance(one.parameters(0), again.parameters(0)) == 0


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("nan", {"learning_rate": 1e300}),
        (
            "explode",
            {"learning_rate": 1.0, "weight_decay": 4.0},
        ),  # each step takes weights times -3: 4e8 in all
    ],
)
def test_a_member_that_diverges_leaves_its_neighbours_alone(
    engine: Callable[[Job], Program], task: Task, reason: str, changes: dict[str, float]
) -> None:
    """Neighbours of a member that goes to NaN, or past 1e6, end bit for bit as beside a healthy one."""
    recipe = replace(task.settings, optimizer="sgd", learning_rate=0.05, momentum=0.0)
    losses = standards("multiclass", recipe)
    wild = replace(recipe, **changes)  # type: ignore[arg-type]  # both are numbers
    sick = [replace(c, recipe=wild) if i == 2 else c for i, c in enumerate(losses)]
    programs = [engine(job(task, chosen)) for chosen in (losses, sick)]
    for program in programs:
        program.train(3)
    healthy, beside = programs
    assert healthy.faults() == {}
    assert list(beside.faults()) == [2]
    assert beside.faults()[2].startswith(reason)
    assert "epoch 3" in beside.faults()[2]
    for member in set(range(len(losses))) - {2}:
        assert distance(healthy.parameters(member), beside.parameters(member)) == 0


def test_dropout_is_drawn_alike_for_every_member(engine: Callable[[Job], Program]) -> None:
    """Members with equal losses in a cohort get equal masks, so their difference is their losses' alone."""
    task = task_of(model=mlp(3, lambda: nn.Dropout(0.5)), dtype=torch.float64)
    loss = standard_spec("cross_entropy", "multiclass")
    program = engine(job(task, [Candidate(loss, task.settings)] * 3))
    program.train(2)
    assert task.is_stochastic
    assert distance(program.parameters(0), program.parameters(2)) < 1e-12  # a few roundings of 1e-16


def test_training_leaves_the_global_generator_as_it_was(engine: Callable[[Job], Program]) -> None:
    """A program that draws dropout masks takes them from a generator of its own."""
    task = task_of(model=mlp(3, lambda: nn.Dropout(0.5)))
    before = torch.get_rng_state()
    program = engine(job(task, standards("multiclass", task.settings)[:2]))
    program.train(1)
    assert torch.equal(before, torch.get_rng_state())


def test_parameters_that_are_frozen_stay_as_they_are(engine: Callable[[Job], Program]) -> None:
    """A head on a frozen body: the body, with `requires_grad` off, is not trained."""

    def body_and_head() -> nn.Module:
        model = mlp()()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("2." in name)
        return model

    task = task_of(model=body_and_head, dtype=torch.float64)
    losses = varied(standards("multiclass", task.settings)[:4])
    program = engine(job(task, losses))
    before = program.parameters(1)
    program.train(1)
    after = program.parameters(1)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"2.weight", "2.bias"}


def tied_layers() -> nn.Module:
    """Two square layers with one weight and a head, with ReLU."""
    first, second = nn.Linear(6, 6), nn.Linear(6, 6)
    second.weight = first.weight
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(6, 3))


def repeated_layer() -> nn.Module:
    """The same square layer twice and a head, with ReLU."""
    layer = nn.Linear(6, 6)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(6, 3))


def without_biases() -> nn.Module:
    """Two linear layers that have no bias."""
    return nn.Sequential(nn.Linear(6, 8, bias=False), nn.ReLU(), nn.Linear(8, 3, bias=False))


def residual() -> nn.Module:
    """A layer whose input is added to its output by a hook, and a head."""
    layer = nn.Linear(6, 6)
    layer.register_forward_hook(lambda module, inputs, outputs: outputs + inputs[0])
    return nn.Sequential(layer, nn.ReLU(), nn.Linear(6, 3))


@pytest.mark.parametrize("model", [tied_layers, repeated_layer, without_biases, residual])
def test_unusual_models_train_as_they_would_alone(model: Callable[[], nn.Module]) -> None:
    """Shared weights, missing biases and hooks count in a cohort as in a plain loop (1e-9 in float64)."""
    task = task_of(model=model, dtype=torch.float64)
    losses = varied(standards("multiclass", task.settings)[:4])
    programs = [ENGINES[name].program(job(task, losses)) for name in ("cohort", "loop")]
    for program in programs:
        program.train(3)
    assert max(distance(*(p.parameters(m) for p in programs)) for m in range(4)) < 1e-9


def test_a_batch_of_one_sample_is_left_out(engine: Callable[[Job], Program]) -> None:
    """33 samples in batches of 16 are two batches: batch normalisation cannot use a batch of one."""
    task = task_of(
        train=tuple(part[torch.arange(33) * 90 // 33] for part in task_of().train),
        model=mlp(3, lambda: nn.BatchNorm1d(8)),
    )
    work = job(task, standards("multiclass", task.settings)[:2])
    assert [len(batch.targets) for batch in work.batches(0)] == [16, 16]
    program = engine(work)
    program.train(1)
    assert program.faults() == {}


def test_every_sample_is_seen_once_an_epoch(task: Task, candidates: list[Candidate]) -> None:
    """The batches of an epoch are the training part in another order, which differs between epochs."""
    work = job(task, candidates)
    first, again, second = (torch.cat([batch.inputs for batch in work.batches(epoch)]) for epoch in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    order = torch.argsort(first[:, 0])
    assert torch.equal(first[order], task.train[0][torch.argsort(task.train[0][:, 0])])


def test_a_program_stops_when_it_is_asked_to(
    engine: Callable[[Job], Program], task: Task, candidates: list[Candidate]
) -> None:
    """With `stop` set, training raises `Stopped` before the next step."""
    work = job(task, candidates[:2])
    program = engine(work)
    work.stop.set()
    with pytest.raises(Stopped):
        program.train(1)


def test_a_learning_rate_of_the_recipe_is_the_members(engine: Callable[[Job], Program], task: Task) -> None:
    """One step of plain SGD on a full batch moves twice as far with twice the learning rate."""
    recipe = Recipe(epochs=1, batch_size=90, optimizer="sgd", momentum=0.0, learning_rate=0.1)
    loss = standard_spec("cross_entropy", "multiclass")
    program = engine(job(task, [Candidate(loss, recipe), Candidate(loss, recipe.with_rate(0.2))]))
    before = program.parameters(0)
    program.train(1)
    for name, start in before.items():
        once, twice = program.parameters(0)[name] - start, program.parameters(1)[name] - start
        torch.testing.assert_close(2 * once, twice, rtol=1e-10, atol=1e-14)  # rounding of one step
