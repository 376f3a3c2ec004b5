"""What is nearly right is read as it is meant, or refused in one line: arrays, labels, models, metrics."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as scikit
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from lossmith.losses import UserError
from lossmith.search.metrics import METRICS, Metric
from lossmith.search.tasks.arrays import tensor_of
from lossmith.search.tasks.data import ordinal_codes
from lossmith.search.tasks.guard import plain_json

from ..small_tasks import data, task_of

INPUTS, LABELS = data("multiclass", 90, 0)
_, ANSWERS = data("binary", 90, 0)
SELF: dict[str, Any] = {}
SELF["self"] = SELF


def refusal(make: Callable[[], object]) -> str:
    """The one line with which something is refused."""
    with pytest.raises(UserError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        np.arange(6.0).reshape(3, 2)[::-1].copy()[::-1],
        np.arange(6.0).reshape(3, 2).astype(">f4"),
        np.asmatrix(np.arange(6.0).reshape(3, 2)),
        [torch.arange(2.0) + 2 * row for row in range(3)],
        np.ma.masked_array(np.arange(6.0).reshape(3, 2), mask=False),
        torch.arange(6.0).reshape(3, 2).to(torch.float8_e4m3fn),
    ],
)
def test_numbers_in_any_container_are_read(given: Any) -> None:
    """However an array is laid out or held, its numbers are the same."""
    assert torch.equal(tensor_of("x", given).float(), torch.arange(6.0).reshape(3, 2))


@pytest.mark.parametrize(
    "given",
    [
        torch.ones(3, 2, device="meta"),
        torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        np.full((3, 2), 2**63 + 5, np.uint64),
        pd.DataFrame({"a": pd.date_range("2020", periods=3), "b": [1.0, 2.0, 3.0]}),
        pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["1", "2", "3"]}),
    ],
)
def test_what_holds_no_numbers_is_refused(given: Any) -> None:
    """Dates are not nanoseconds, text is no number, and a whole number too large for torch does not wrap."""
    assert "x must" in refusal(lambda: tensor_of("x", given))


@pytest.mark.parametrize(
    "inputs",
    [np.ma.masked_array(INPUTS.numpy(), mask=INPUTS.numpy() > 1), INPUTS * 1e30, INPUTS.double() * 1e200],
)
def test_inputs_that_no_step_can_be_computed_with_are_refused(inputs: Any) -> None:
    """A masked value is missing, and one whose square is infinite ends every training."""
    assert "train: inputs must be" in refusal(lambda: task_of(train=(inputs, LABELS)))


@pytest.mark.parametrize(
    "groups",
    [
        pd.Series([pd.NA, *"a" * 89], dtype="string"),
        [[1], [1, 2]] * 45,
        torch.zeros(90, device="meta"),
        [{"a": 1}] * 90,
        ["a", 1] * 44 + [None, 2],
        np.ma.masked_array(np.arange(90), mask=np.arange(90) == 2),
    ],
)
def test_groups_that_are_no_values_are_refused(groups: Any) -> None:
    """Whatever cannot be told apart, ordered or read is one line."""
    assert "groups must" in refusal(lambda: ordinal_codes("groups", groups, 90))


def test_groups_may_carry_a_gradient_or_be_a_column() -> None:
    """A tensor in use elsewhere and a frame of one column are values all the same."""
    wanted = [0, 1, 2]
    assert ordinal_codes("groups", torch.arange(3.0).requires_grad_(), 3).tolist() == wanted
    assert ordinal_codes("groups", pd.DataFrame({"g": [5, 6, 7]}), 3).tolist() == wanted


@pytest.mark.parametrize(
    ("kind", "targets"),
    [
        ("multiclass", pd.Series([pd.NA, *"ab" * 44, "a"], dtype="string")),
        ("multiclass", np.array(["a", [1]] * 45, object)),
        ("multiclass", torch.zeros(90)),
        ("binary", torch.ones(90)),
        ("regression", torch.full((90,), 7.0)),
    ],
)
def test_targets_that_teach_nothing_are_refused(kind: Any, targets: Any) -> None:
    """Missing labels, lists as labels, and one value for all samples."""
    part = (INPUTS, targets)
    assert "target" in refusal(lambda: task_of(kind, train=part, validation=None, test=part))


@pytest.mark.parametrize("positive", [1, 1.0, True, np.int64(1), np.bool_(True), "1"])  # noqa: FBT003
def test_the_positive_label_may_be_written_as_any_number(positive: Any) -> None:
    """1, 1.0 and True are one label, of numbers and of truth values."""
    parts = {part: (INPUTS, ANSWERS.bool()) for part in ("train", "test")}
    assert task_of("binary", **parts, validation=None, positive=positive).train[1].equal(ANSWERS.float())


def test_names_of_classes_stay_where_labels_count_from_one() -> None:
    """Numbering labels from 0 does not take away what their classes are called."""
    part = (INPUTS, LABELS + 1)
    task = task_of(train=part, validation=None, test=part, class_names=["x", "y", "z"])
    assert task.class_names == ("x", "y", "z")


class Changed(nn.Module):
    """A linear layer, and what is done with it."""

    def __init__(self, how: Callable[[nn.Module, Tensor, bool], Any]) -> None:
        super().__init__()
        self.layer, self.how = nn.Linear(6, 3), how

    def forward(self, inputs: Tensor) -> Any:
        """Whatever `how` makes of the layer and the inputs."""
        return self.how(self.layer, inputs, self.training)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda layer, x, _: layer(x) * torch.nan, "must be finite"),
        (lambda layer, x, _: layer(x) / 0, "must be finite"),
        (lambda layer, x, _: (layer(x) * 0).sqrt(), "gradient"),
        (lambda layer, x, _: torch.complex(layer(x), layer(x)), "real numbers"),
        (lambda layer, x, _: layer(x).T, "logits (N, K)"),
        (lambda layer, x, _: layer(x.view(3, 6)), "with 5 samples"),
        (lambda layer, x, learns: layer(x)[:, :2] if learns else layer(x), "one shape"),
        (lambda layer, x, learns: (layer(x), x) if learns else layer(x), "in training it returned tuple"),
        (lambda layer, x, _: layer(torch.relu_(x)), "in place"),
        (lambda _, x, __: x[:, :3].clone().requires_grad_(), "gradient to its parameters"),
        (lambda layer, x, _: sys.exit(3), "SystemExit"),
    ],
)
def test_a_model_that_cannot_be_trained_is_refused(how: Any, said: str) -> None:
    """Its outputs are finite, real, of one shape whatever the batch, and depend on its parameters."""
    assert said in refusal(lambda: task_of(model=lambda: Changed(how)))


def test_a_batch_of_one_is_tried_where_that_is_the_batch_size() -> None:
    """Batch normalisation cannot train on it, which is said before a search."""
    make = partial(task_of, model=lambda: nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 3)))
    assert "with 1 samples" in refusal(lambda: make(recipe={"batch_size": 1}))
    assert make(recipe={"batch_size": 2}).classes == 3


@pytest.mark.parametrize(
    ("kind", "last", "said"),
    [
        ("multiclass", lambda: nn.LogSoftmax(1), "ends in a LogSoftmax"),
        ("binary", nn.ReLU, "never below 0"),
        ("multilabel", nn.LogSigmoid, "never above 0"),
    ],
)
def test_a_last_layer_that_hinders_is_told(kind: Any, last: Callable[[], nn.Module], said: str) -> None:
    """It is the user's business, and it is said."""
    outputs = {"multiclass": 3, "binary": 1, "multilabel": 2}[kind]
    task = task_of(kind, model=lambda: nn.Sequential(nn.Linear(6, outputs), last()))
    assert said in " ".join(task.notes)


def test_outputs_of_one_sign_cannot_reach_targets_of_both() -> None:
    """A regression whose last layer is a ReLU never predicts what is below 0."""
    made = partial(task_of, "regression", model=lambda: nn.Sequential(nn.Linear(6, 1), nn.ReLU()))
    assert "never fall below 0" in refusal(made)
    part = (INPUTS, INPUTS[:, 0].abs())
    assert made(train=part, validation=part, test=part).model_parameters == 7


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of right answers, with a gradient that nobody needs."""
    return (outputs.argmax(-1) == targets).float().mean() + torch.zeros((), requires_grad=True)


def noise(_: Tensor, __: Tensor) -> float:
    """Nothing but noise."""
    return float(torch.rand(()))


async def later(_: Tensor, __: Tensor) -> float:
    """A coroutine."""
    return 0.5


def yields(_: Tensor, __: Tensor) -> Iterator[float]:
    """A generator."""
    yield 0.5


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (noise, "same score"),
        (later, "async"),
        (yields, "yields"),
        (lambda o, t: np.complex128(0.5), "complex128"),
        (lambda o, t: np.bool_((o.argmax(-1) == t).float().mean() > 0.5), "bool"),
        (lambda o, t: sys.exit(2), "SystemExit"),
        (METRICS["r2"], "must be one for multiclass"),
        (Metric("x", ("multiclass",), lambda o, t, w: torch.ones(())), "must"),
        (Metric("x", ("multiclass",), lambda o, t, w: 1 / 0), "ZeroDivisionError"),  # type: ignore[arg-type, return-value]
    ],
)
def test_a_metric_that_gives_no_steady_number_is_refused(metric: Any, said: str) -> None:
    """Real, finite, the same for the same answers, and defined for the kind."""
    if getattr(metric, "__name__", "") == "<lambda>":
        metric.__name__ = "mine"
    assert said in refusal(lambda: task_of(metric=metric))


def test_a_metric_with_a_gradient_is_taken_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    """What torch says of tensors with a gradient is no line of ours."""
    assert task_of(metric=accuracy).measure.greater_is_better
    assert not recwarn.list


def test_a_direction_beside_a_metric_that_has_one_is_refused() -> None:
    """What a built-in metric is best at is known, so nobody turns it round without a word."""
    assert "left out" in refusal(lambda: task_of(metric="accuracy", greater_is_better=False))
    assert task_of(metric="accuracy", greater_is_better=True).measure.greater_is_better


@pytest.mark.filterwarnings("ignore:Only one class")
def test_a_metric_without_a_number_on_held_out_data_is_refused() -> None:
    """An AUC of one class alone judges nothing."""
    line = refusal(lambda: task_of("binary", metric=scikit.roc_auc_score, test=(INPUTS, torch.ones(90))))
    assert "on the test part" in line


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_held_out_targets_of_one_value_are_told(kind: Any) -> None:
    """A verdict on them says little, whatever the metric makes of it."""
    task = task_of(kind, test=(INPUTS, torch.ones(90)))
    assert any(line.startswith("test: all 90 samples") for line in task.warnings(5))


def test_what_parts_share_and_lack_is_told() -> None:
    """Copies between any two parts, classes without samples, and columns of one value."""
    part = (INPUTS, LABELS)
    lines = " ".join(task_of(train=part, validation=part, test=part).warnings(5))
    assert "also in train" in lines
    assert "also in validation" in lines
    assert "chosen by" in lines
    wide = task_of(model=lambda: nn.Linear(6, 5))
    assert any("class 3, 4 has no samples" in line for line in wide.warnings(5))
    columns = torch.stack([ANSWERS.float(), torch.zeros(90)], 1)
    task = task_of("multilabel", train=(INPUTS, columns))
    assert any("column 1" in line for line in task.warnings(5))
    rare = torch.cat([torch.zeros(88), torch.ones(2)])
    binary = task_of("binary", train=(INPUTS, rare), validation=None)
    assert any("class 1 has fewer" in line for line in binary.warnings(5))


@pytest.mark.parametrize(
    "about",
    [SELF, {"x": np.inf}, {"x": torch.ones(2, device="meta")}, {"x": 10**5000}, {"x": [[[[]]] * 2] * 2}],
)
def test_about_is_plain_or_refused(about: dict[str, Any]) -> None:
    """What holds itself, infinities and numbers without end are no JSON; shallow lists are."""
    if about == {"x": [[[[]]] * 2] * 2}:
        assert plain_json("about", about) == about
    else:
        assert "about" in refusal(lambda: plain_json("about", about))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"class_names": {0: "a", 1: "b", 2: "c"}}, "list of texts"),
        ({"augment": lambda x, g: x * torch.nan}, "finite"),
        ({"augment": lambda x, g: sys.exit(1)}, "SystemExit"),
        ({"model": lambda: sys.exit(1)}, "SystemExit"),
        ({"model": lambda: nn.Linear(6, 3, dtype=torch.complex64)}, "complex"),
    ],
)
def test_arguments_that_end_or_hide_something_are_one_line(changes: dict[str, Any], said: str) -> None:
    """Names by number would be read as their numbers; sys.exit is no way out of a task."""
    assert said in refusal(lambda: task_of(**changes))


def test_a_confirmation_has_the_same_metric() -> None:
    """Scores of something else would confirm nothing."""
    assert "same metric" in refusal(lambda: task_of(metric="accuracy", confirm=task_of(metric="macro_f1")))


def test_a_recipe_takes_numbers_of_numpy() -> None:
    """They are numbers, and are kept as Python's own."""
    settings = task_of(recipe={"epochs": np.int64(3), "learning_rate": np.float32(0.5)}).settings
    assert (type(settings.epochs), type(settings.learning_rate)) == (int, float)


def test_losses_of_torch_are_metrics_that_are_made_smaller() -> None:
    """Their direction is asked for, not believed."""
    assert not task_of(metric=F.cross_entropy).measure.greater_is_better
