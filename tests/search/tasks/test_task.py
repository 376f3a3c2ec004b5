"""A task is checked when it is made: whatever a search could not work with is one line."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import Kind, UserError
from lossmith.search import Recipe, Task, load_task
from lossmith.search.tasks.builtin import built_in
from lossmith.search.tasks.data import overlap

from ..small_tasks import FEATURES, METRICS, data, image_task, images, mlp, task_of

INPUTS, LABELS = data("multiclass", 90, 0)


class InPieces(nn.Module):
    """A model that returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(FEATURES, 3)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, and logits again."""
        return self.layer(inputs), self.layer(inputs)


def with_nan(values: Tensor, row: int) -> Tensor:
    """The values, with a NaN in one row."""
    spoiled = values.clone().float()
    spoiled[row] = torch.nan
    return spoiled


def failing() -> nn.Module:
    """A factory with a bug in it."""
    raise KeyError("width")


SHARED = nn.Linear(FEATURES, 3)
LAYER = nn.BatchNorm1d(3)
STATISTICS = nn.BatchNorm1d(3, affine=False)
BODY = nn.Linear(FEATURES, 8).requires_grad_(requires_grad=False)
MISTAKES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no name": ({"name": ""}, ("name", "''")),
    "unknown kind": ({"kind": "multi-class"}, ("kind", "'multi-class'", "did you mean multiclass")),
    "metric of another kind": ({"metric": "rmse"}, ("metric for multiclass", "'rmse'", "macro_f1")),
    "misspelt metric": ({"metric": "macro-f1"}, ("'macro-f1'", "did you mean macro_f1")),
    "no training part": ({"train": None}, ("train", "pair", "NoneType")),
    "no test part": ({"test": None}, ("test", "pair", "NoneType")),
    "data without targets": ({"train": INPUTS}, ("train", "pair", "Tensor")),
    "three arrays": ({"validation": (INPUTS, LABELS, LABELS)}, ("validation", "pair", "3")),
    "single numbers": ({"train": (1.0, 2)}, ("train", "first axis")),
    "text": ({"train": (INPUTS, ["a", "b"] * 45)}, ("train", "numbers", "list")),
    "ragged rows": ({"train": ([[1.0], [1.0, 2.0]], [0, 1])}, ("train", "numbers", "list")),
    "different lengths": ({"train": (INPUTS, LABELS[:80])}, ("train", "90", "80")),
    "nothing": ({"validation": (INPUTS[:0], LABELS[:0])}, ("validation", "above 0", "0")),
    "NaN in inputs": (
        {"train": (with_nan(INPUTS, 7), LABELS)},
        ("train", "inputs", "row 7", "column 0", "drop or impute"),
    ),
    "text for labels": (
        {"train": (INPUTS, np.array(["ant", "bee"] * 45))},
        ("train", "numbers", "'ant'", "number the classes"),
    ),
    "a model without memory": (
        {"model": lambda: nn.Linear(FEATURES, 3, device="meta")},
        ("on the CPU", "weight is on meta"),
    ),
    "a class that is never trained on": (
        {"train": (INPUTS[LABELS < 2], LABELS[LABELS < 2])},
        ("class 2", "4 samples in validation", "none in train"),
    ),
    "groups of another length": ({"groups": [1, 2, 3]}, ("groups", "(90,)", "(3,)")),
    "groups that are missing": ({"groups": [None] * 90}, ("groups", "missing", "row 0")),
    "times that are missing": ({"time": [1.0] * 89 + [float("nan")]}, ("time", "missing", "row 89")),
    "groups and time": ({"groups": range(90), "time": range(90)}, ("groups or time", "leave one out")),
    "NaN in targets": ({"test": (INPUTS, with_nan(LABELS, 3))}, ("test", "targets", "row 3")),
    "broken labels": ({"train": (INPUTS, LABELS + 0.5)}, ("train", "class indices", "float32")),
    "one-hot labels": ({"train": (INPUTS, torch.eye(3)[LABELS])}, ("train", "class index", "(90, 3)")),
    "labels too large": ({"train": (INPUTS, LABELS + 1)}, ("0..2", "3 outputs", "0 to 3")),
    "negative labels": ({"test": (INPUTS, LABELS - 1)}, ("0..2", "-1 to 2")),
    "narrower test part": ({"test": (INPUTS[:, :5], LABELS)}, ("test", "(N, 6)", "(N, 5)")),
    "other numbers in the test part": ({"test": (INPUTS.double(), LABELS)}, ("test", "float32", "float64")),
    "a model, not a factory": ({"model": SHARED}, ("model=lambda:", "Linear")),
    "no model": ({"model": None}, ("model=lambda:", "NoneType")),
    "a factory that raises": ({"model": failing}, ("model()", "KeyError", "width")),
    "a factory that returns no module": ({"model": lambda: 3}, ("nn.Module", "int")),
    "one model for all": ({"model": lambda: SHARED}, ("fresh", "shares layers")),
    "a layer for all": (
        {"model": lambda: nn.Sequential(nn.Linear(FEATURES, 3), LAYER)},
        ("fresh", "shares layers"),
    ),
    "running statistics for all": (
        {"model": lambda: nn.Sequential(nn.Linear(FEATURES, 3), STATISTICS)},
        ("fresh", "shares layers"),
    ),
    "nothing to train": (
        {"model": lambda: nn.Sequential(nn.Linear(FEATURES, 3)).requires_grad_(requires_grad=False)},
        ("parameters", "none"),
    ),
    "lazy layers": ({"model": lambda: nn.LazyLinear(3)}, ("lazy", "sizes")),
    "wrong input size": ({"model": lambda: nn.Linear(5, 3)}, ("(N, 6)", "RuntimeError")),
    "fails in training only": (
        {"model": lambda: nn.Sequential(nn.Linear(FEATURES, 3), nn.Unflatten(1, (3, 1)), nn.BatchNorm2d(3))},
        ("(N, 6)", "ValueError"),
    ),
    "wrong output": ({"model": lambda: nn.Linear(FEATURES, 1)}, ("logits (N, K)", "(3, 1)")),
    "flat output": (
        {"model": lambda: nn.Sequential(nn.Linear(FEATURES, 3), nn.Flatten(0))},
        ("logits (N, K)", "(9,)"),
    ),
    "tuple output": ({"model": InPieces}, ("logits (N, K)", "tuple")),
    "unknown recipe key": ({"recipe": {"epoch": 3}}, ("'epoch'", "did you mean epochs")),
    "recipe as text": ({"recipe": "adam"}, ("recipe", "mapping", "'adam'")),
    "unknown optimizer": ({"recipe": {"optimizer": "adma"}}, ("'adma'", "did you mean adam")),
    "no epochs": ({"recipe": {"epochs": 0}}, ("epochs", "at least 1", "0")),
    "half an epoch": ({"recipe": {"epochs": 1.5}}, ("epochs", "whole number", "1.5")),
    "epochs as yes": ({"recipe": {"epochs": True}}, ("epochs", "whole number", "True")),
    "no batch": ({"recipe": {"batch_size": -4}}, ("batch_size", "-4")),
    "negative learning rate": ({"recipe": {"learning_rate": -0.1}}, ("learning_rate", "above 0", "-0.1")),
    "endless learning rate": ({"recipe": {"learning_rate": float("inf")}}, ("learning_rate", "inf")),
    "learning rate as text": ({"recipe": {"learning_rate": "1e-3"}}, ("learning_rate", "'1e-3'", "0.001")),
    "weight decay as text": ({"recipe": {"weight_decay": "1e-4"}}, ("weight_decay", "'1e-4'", "0.0001")),
    "negative weight decay": ({"recipe": {"weight_decay": -1.0}}, ("weight_decay", "at least 0", "-1.0")),
    "NaN weight decay": ({"recipe": {"weight_decay": float("nan")}}, ("weight_decay", "nan")),
    "momentum of one": ({"recipe": {"momentum": 1.0}}, ("momentum", "[0, 1)", "1.0")),
    "momentum as text": ({"recipe": {"momentum": "much"}}, ("momentum", "'much'")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_rule_value_and_remedy(mistake: str) -> None:
    """Whatever is wrong raises `UserError`, in one line that names what is asked for and what was given."""
    changes, said = MISTAKES[mistake]
    with pytest.raises(UserError) as caught:
        task_of(train=(INPUTS, LABELS), **changes) if "train" not in changes else task_of(**changes)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    for word in said:
        assert word in message


@pytest.mark.parametrize(
    ("kind", "targets", "said"),
    [
        ("binary", torch.arange(90) % 3, ("binary", "0 or 1", "0 to 2")),
        ("multilabel", torch.rand(90, 2), ("multilabel", "0 or 1")),
        ("multilabel", torch.ones(90, 3), ("shaped as the targets", "(3, 3)", "(3, 2)")),
        ("regression", torch.ones(90, 2), ("shaped as the targets", "(3, 2)", "(3, 1)")),
    ],
)
def test_targets_must_suit_the_kind(kind: Kind, targets: Tensor, said: tuple[str, ...]) -> None:
    """Zeros and ones for labels, and outputs of the model shaped as the targets."""
    with pytest.raises(UserError) as caught:
        task_of(kind, train=(INPUTS, targets), validation=None, test=(INPUTS, targets))
    for word in said:
        assert word in str(caught.value)


def test_the_model_may_fail_in_training_alone() -> None:
    """A model that only evaluates is refused, with what it raised in training."""

    class OnlyEvaluates(nn.Linear):
        """Raises in training."""

        def forward(self, inputs: Tensor) -> Tensor:
            if self.training:
                raise ZeroDivisionError("no training\ntoday")
            return super().forward(inputs)

    with pytest.raises(
        UserError, match="in training with 5 samples it raised: ZeroDivisionError: no training today"
    ):
        task_of(model=lambda: OnlyEvaluates(FEATURES, 3))


@pytest.mark.parametrize("kind", METRICS)
def test_every_kind_makes_a_task(kind: Kind) -> None:
    """A sound task of each kind is accepted; the metric's sign says whether greater is better."""
    task = task_of(kind)
    assert task.measure.name == METRICS[kind]
    assert task.measure.sign == (-1 if kind == "regression" else 1)
    assert task.classes == (3 if kind == "multiclass" else None)
    assert not task.is_stochastic


def test_arrays_lists_and_tensors_make_the_same_task() -> None:
    """NumPy's float64 becomes float32, small integers class indices, and one fingerprint tells equal data."""
    inputs, labels = INPUTS.numpy(), LABELS.numpy()
    made = [
        task_of(train=(inputs.astype(np.float64), labels.astype(np.uint8))),
        task_of(train=[inputs.tolist(), labels.tolist()]),
        task_of(train=(INPUTS, LABELS.float())),
    ]
    assert len({task.describe().fingerprint for task in made}) == 1
    for task in made:
        assert (task.train[0].dtype, task.train[1].dtype) == (torch.float32, torch.int64)
    other = task_of(train=(INPUTS + 1, LABELS)).describe().fingerprint
    assert other != made[0].describe().fingerprint


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_a_column_of_targets_is_a_row_of_targets(kind: Kind) -> None:
    """Targets (N, 1), as tables give them, are (N,): against outputs (N, 1) they must not broadcast."""
    parts = {name: data(kind, 40, seed) for seed, name in enumerate(("train", "validation", "test"))}
    columns = {name: (inputs, targets[:, None]) for name, (inputs, targets) in parts.items()}
    task = task_of(kind, **columns)
    assert task.describe().fingerprint == task_of(kind, **parts).describe().fingerprint
    assert task.train[1].shape == (40,)


def test_float64_tensors_stay_as_they_are() -> None:
    """Whoever brings float64 tensors gets a model in float64."""
    task = task_of(dtype=torch.float64)
    assert {p.dtype for p in task.build(0).parameters()} == {torch.float64}


def test_groups_and_times_are_numbered_in_their_order() -> None:
    """Text, dates and numbers will do; equal ones have equal numbers, and a changed task keeps them."""
    days = np.array(["2024-03-01", "2023-12-31", "2024-03-01"] * 30, dtype="datetime64[D]")
    assert task_of(time=days).time[:3].tolist() == [1, 0, 1]
    task = replace(task_of(groups=["b", "a", "c"] * 30), recipe={"epochs": 1})
    assert task.groups[:3].tolist() == [1, 0, 2]


def test_copies_of_training_samples_in_the_test_part_are_counted() -> None:
    """Every test sample whose inputs are those of a training sample counts, however often it is there."""
    train, test = data("multiclass", 40, 0), data("multiclass", 30, 1)
    assert overlap(train, test) == 0
    test[0][5], test[0][7], test[0][9] = train[0][3], train[0][3], train[0][39]
    assert overlap(train, test) == 3
    assert overlap(train, train) == 40


def test_the_error_of_a_model_shows_where_it_was_raised() -> None:
    """The one line names the user's file, and the detail is their traceback without any frame of ours."""
    with pytest.raises(UserError, match=r"test_task\.py, line") as caught:
        task_of(model=failing)
    assert 'raise KeyError("width")' in caught.value.detail
    assert "models.py" not in caught.value.detail


def test_a_model_depends_on_its_seed_alone() -> None:
    """Equal seeds build equal models, other seeds other ones; the global generator is not touched."""
    task = task_of()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, again, other = (task.build(seed)[0].weight for seed in (5, 5, 6))  # type: ignore[index]  # a Sequential
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_models_built_side_by_side_are_those_built_in_turn() -> None:
    """torch has one generator for all threads; four threads at once still get what each asked for."""
    task = task_of(model=mlp(3, lambda: nn.Linear(8, 8)))
    wanted = [task.build(seed).state_dict() for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = [model.state_dict() for model in pool.map(task.build, range(40))]
    for one, other in zip(wanted, found, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("model", "is_stochastic"),
    [(mlp(3), False), (mlp(3, lambda: nn.Dropout(0.1)), True), (mlp(3, lambda: nn.BatchNorm1d(8)), False)],
)
def test_a_task_knows_whether_its_model_draws(model: Callable[[], nn.Module], is_stochastic: bool) -> None:  # noqa: FBT001
    """Dropout draws random numbers in training; linear layers and batch normalisation do not."""
    assert task_of(model=model).is_stochastic is is_stochastic


def test_a_frozen_body_may_be_shared() -> None:
    """A body that is not trained may be loaded once and stand in every model."""
    task = task_of(model=lambda: nn.Sequential(BODY, nn.ReLU(), nn.Linear(8, 3)))
    assert task.classes == 3


def test_the_description_holds_sizes_and_no_data() -> None:
    """What the store keeps: names, sizes, the recipe, a fingerprint and the model's size."""
    described = task_of(validation=None).describe().to_json()
    fingerprint = described.pop("fingerprint")
    assert len(fingerprint) == 16
    assert described == {
        "name": "small-multiclass",
        "kind": "multiclass",
        "metric": "macro_f1",
        "greater_is_better": True,
        "sizes": {"train": 90, "test": 40},
        "recipe": Recipe(epochs=3, batch_size=16).to_json(),
        "model_parameters": 6 * 8 + 8 + 8 * 3 + 3,
        "class_counts": [51, 30, 9],
    }


def test_a_task_can_be_changed_into_another() -> None:
    """`dataclasses.replace` gives a task with another recipe, checked again."""
    task = task_of()
    assert replace(task, recipe={"epochs": 1}).settings.epochs == 1
    with pytest.raises(UserError, match="epochs"):
        replace(task, recipe={"epochs": 0})


def test_inputs_of_any_shape_will_do() -> None:
    """Images and whole-number tokens are inputs as well as rows of a table."""
    tokens = torch.randint(10, (40, 5))
    labels = torch.arange(40) % 3
    task = task_of(
        train=(tokens, labels),
        validation=None,
        test=(tokens, labels),
        model=lambda: nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(20, 3)),
    )
    assert task.train[0].dtype == torch.int64
    pictures = image_task(lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 3)))
    assert pictures.train[0].shape == images(70, 0)[0].shape


def built_in_task(name: str) -> Any:
    """A built-in task: a `Task` with three parts."""
    task = load_task(name)
    assert isinstance(task, Task)
    return task


@pytest.mark.parametrize("name", built_in())
def test_the_built_in_tasks_load(name: str) -> None:
    """Each built-in task carries its own name and has three parts of digits, (N, 64) in [0, 1]."""
    task = built_in_task(name)
    assert task.name == name
    for inputs, labels in (task.train, task.validation, task.test):
        assert inputs.shape == (len(labels), 64)
        assert (float(inputs.min()), float(inputs.max())) == (0, 1)
    assert [len(part[1]) for part in (task.validation, task.test)] == [300, 500]
    assert torch.bincount(task.test[1]).tolist() == [50] * 10


def test_the_long_tail_is_exponential() -> None:
    """In digits-longtail class k has n_0 50^(-k/9) training samples; validation and test stay balanced."""
    task = built_in_task("digits-longtail")
    counts = torch.bincount(task.train[1]).tolist()
    assert counts == [round(counts[0] * 50 ** (-k / 9)) for k in range(10)]
    assert counts[0] / counts[-1] > 40
    assert torch.bincount(task.validation[1]).tolist() == [30] * 10


def test_the_noise_is_in_training_and_validation_alone() -> None:
    """In digits-noisy about 40% of the labels are wrong, and none of the test part (binomial, 3 sigma)."""
    noisy, clean = built_in_task("digits-noisy"), built_in_task("digits-longtail")
    assert torch.equal(noisy.test[1], clean.test[1])
    wrong = float((noisy.validation[1] != clean.validation[1]).float().mean())
    assert abs(wrong - 0.4) < 3 * (0.4 * 0.6 / 300) ** 0.5


def test_the_parts_of_the_digits_share_no_image() -> None:
    """No sample of the test part is among those that are trained or validated on."""
    task = built_in_task("digits-noisy")
    seen = {row.numpy().tobytes() for row in torch.cat([task.train[0], task.validation[0]])}
    assert not any(row.numpy().tobytes() in seen for row in task.test[0])
