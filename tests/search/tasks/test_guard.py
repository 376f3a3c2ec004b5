"""What cannot be a sensible task is said before anything is trained, in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as scikit
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from lossmith.losses import Kind, UserError

from ..small_tasks import FEATURES, data, mlp, task_of

INPUTS, LABELS = data("multiclass", 90, 0)
FRAME = pd.DataFrame(INPUTS.numpy(), columns=list("abcdef")).sample(frac=1, random_state=0)


def refusal(kind: Kind = "multiclass", **changes: Any) -> str:
    """The one line with which a task is refused."""
    with pytest.raises(UserError) as caught:
        task_of(kind, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def ends_in(last: Callable[[], nn.Module], outputs: int = 3) -> Callable[[], nn.Module]:
    """A factory of MLPs with a layer more at their end."""
    return lambda: nn.Sequential(mlp(outputs)(), last())


class Clamped(nn.Module):
    """Probabilities without a module of their own."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = mlp(outputs)()

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, outputs) in [0, 1]."""
        return torch.sigmoid(self.layers(inputs)).clamp(0.01, 0.99)


@pytest.mark.parametrize(
    ("kind", "model", "said"),
    [
        ("multiclass", ends_in(lambda: nn.Softmax(1)), "Softmax"),
        ("multiclass", ends_in(nn.Sigmoid), "Sigmoid"),
        ("binary", ends_in(nn.Sigmoid, 1), "Sigmoid"),
        ("binary", lambda: Clamped(1), "Sigmoid"),
        ("multilabel", ends_in(nn.Sigmoid, 2), "Sigmoid"),
        ("multilabel", ends_in(nn.Hardsigmoid, 2), "Sigmoid"),
        ("regression", ends_in(nn.Sigmoid, 1), "reach the targets"),
        ("regression", ends_in(nn.Tanh, 1), "reach the targets"),
    ],
)
def test_a_model_that_ends_in_probabilities_is_refused(
    kind: Kind, model: Callable[[], nn.Module], said: str
) -> None:
    """Outputs that never leave [0, 1] are no logits, whatever makes them so."""
    line = refusal(kind, model=model)
    assert said in line
    assert "never leave" in line
    assert "leave" in line.split(";")[-1]


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("multiclass", ends_in(lambda: nn.LogSoftmax(1))),
        ("multiclass", ends_in(lambda: nn.LayerNorm(3))),
        ("binary", ends_in(nn.Tanh, 1)),
        ("binary", lambda: nn.Sequential(mlp(1)(), nn.ReLU())),
    ],
)
def test_other_last_layers_are_taken(kind: Kind, model: Callable[[], nn.Module]) -> None:
    """A bound on one side, or on both sides of 0, is the user's business."""
    assert task_of(kind, model=model).model_parameters > 0


def test_outputs_that_begin_at_zero_are_logits() -> None:
    """A last layer that starts at zero is usual, and leaves [0, 1] in training."""

    def zero() -> nn.Module:
        last = nn.Linear(8, 3)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        return nn.Sequential(mlp(8)(), last)

    assert task_of(model=zero).classes == 3


def test_the_users_weights_stay_as_they_are() -> None:
    """A model is tried on a copy: weights that it shares with the user's are not written to."""
    shared = 0.01 * torch.randn(3, FEATURES)

    def pretrained() -> nn.Module:
        layer = nn.Linear(FEATURES, 3)
        layer.weight.data = shared
        return nn.Sequential(layer, nn.Softmax(1))

    before = shared.clone()
    refusal(model=pretrained, train=(INPUTS, LABELS))
    assert torch.equal(shared, before)


@pytest.mark.parametrize("how", [lambda x: x.detach(), lambda x: x.argmax(1, keepdim=True).float() + 0 * x])
def test_outputs_must_carry_a_gradient(how: Callable[[Tensor], Tensor]) -> None:
    """A model that detaches what it returns learns nothing."""

    class Cut(nn.Sequential):
        def forward(self, inputs: Tensor) -> Tensor:
            return how(self[0](inputs)).detach()

    assert "carry a gradient" in refusal(model=lambda: Cut(nn.Linear(FEATURES, 3)))


@pytest.mark.parametrize(
    "inputs", [torch.zeros(90, FEATURES), torch.ones(90, FEATURES), np.full((90, 6), 7.0)]
)
def test_equal_inputs_are_refused(inputs: Any) -> None:
    """A training part of one input, 90 times, teaches nothing."""
    line = refusal(train=(inputs, LABELS), validation=(inputs[:40], LABELS[:40]), test=(inputs, LABELS))
    assert "inputs must differ" in line


def wrong_way(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of wrong decisions."""
    return (outputs.argmax(-1) != targets).float().mean()


SMALLER: list[tuple[Kind, Any]] = [
    ("multiclass", wrong_way),
    ("multiclass", scikit.zero_one_loss),
    ("multiclass", scikit.hamming_loss),
    ("binary", scikit.brier_score_loss),
    ("multilabel", scikit.hamming_loss),
    ("regression", scikit.mean_absolute_error),
    ("regression", scikit.mean_squared_error),
    ("regression", scikit.max_error),
    ("regression", scikit.median_absolute_error),
]


@pytest.mark.parametrize(("kind", "metric"), SMALLER)
def test_an_error_is_made_smaller(kind: Kind, metric: Any) -> None:
    """What nobody says is asked of the metric; what was said against it is refused."""
    task = task_of(kind, metric=metric)
    assert not task.measure.greater_is_better
    assert any("smaller is better" in note for note in task.notes)
    assert not task_of(kind, metric=metric, greater_is_better=False).measure.greater_is_better
    line = refusal(kind, metric=metric, greater_is_better=True)
    assert "shuffled" in line
    assert "greater_is_better=False" in line


@pytest.mark.parametrize(
    ("kind", "metric"),
    [
        ("multiclass", scikit.matthews_corrcoef),
        ("multiclass", scikit.cohen_kappa_score),
        ("binary", scikit.roc_auc_score),
        ("binary", scikit.average_precision_score),
        ("regression", scikit.r2_score),
        ("regression", scikit.explained_variance_score),
    ],
)
def test_a_score_is_made_greater(kind: Kind, metric: Any) -> None:
    """A function of scikit-learn that is no error needs no word either."""
    task = task_of(kind, metric=metric)
    assert task.measure.greater_is_better
    assert not task.notes
    assert "greater_is_better=True" in refusal(kind, metric=metric, greater_is_better=False)


def raises(outputs: Tensor, targets: Tensor) -> float:
    """Has a bug."""
    raise ZeroDivisionError(len(outputs) - len(targets))


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (raises, "raised ZeroDivisionError"),
        (lambda o, t: "0.5", "returned '0.5' of type str"),
        (lambda o, t: None, "returned None of type NoneType"),
        (lambda o, t: True, "returned True of type bool"),
        (lambda o, t: (o.argmax(-1) == t).float(), "returned tensor"),
        (lambda o, t: float("inf"), "finite"),
        (lambda o, t: float("nan"), "finite"),
        (lambda o, t: 0.5, "must tell good answers from bad ones"),
        (lambda o, t: o.mean(), "must tell good answers from bad ones"),
    ],
)
def test_a_metric_that_cannot_judge_is_refused(metric: Any, said: str) -> None:
    """A metric that fails, returns no number, or likes all answers alike is found at the door."""
    metric.__name__ = "mine"
    line = refusal(metric=metric)
    assert said in line
    assert "metric mine" in line


def test_a_direction_is_true_or_false() -> None:
    """`greater_is_better` is no word."""
    assert "must be True or False, but got 'maybe'" in refusal(greater_is_better="maybe")


@pytest.mark.parametrize(
    ("metric", "wanted"),
    [
        (wrong_way, True),
        (scikit.f1_score, True),
        (lambda o, t: ((o > 0) == (t > 0)).float().mean(), True),
        (lambda o, t: -(o.sigmoid() - t).abs().mean(), False),
        (scikit.roc_auc_score, False),
    ],
)
def test_a_metric_of_decisions_is_known(metric: Any, wanted: bool) -> None:  # noqa: FBT001  (a case)
    """A metric that reads logits is tried with decisions in their place."""
    metric.__name__ = "mine"
    kind: Kind = "multiclass" if metric is wrong_way else "binary"
    assert task_of(kind, metric=metric).measure.of_decisions is wanted


@pytest.mark.parametrize("name", ["", " ", "a/b", "../e", "a\nb", "nul\0", "\ud800", ".hidden", "x" * 101, 3])
def test_a_name_that_is_none_is_refused(name: Any) -> None:
    """A task's name is a line of a table and a part of a file's name."""
    assert "name" in refusal(name=name)


@pytest.mark.parametrize(
    ("about", "wanted"),
    [
        ({"n": np.int64(3), "x": np.float32(0.5)}, {"n": 3, "x": 0.5}),
        ({"s": {"b", "a"}, "t": (1, 2)}, {"s": ["a", "b"], "t": [1, 2]}),
        ({"v": torch.arange(2), "w": np.eye(1)}, {"v": [0, 1], "w": [[1.0]]}),
        ({"deep": {"er": [np.arange(2) > 0]}}, {"deep": {"er": [[False, True]]}}),
    ],
)
def test_about_is_kept_as_plain_values(about: dict[str, Any], wanted: dict[str, Any]) -> None:
    """What has a plain value becomes it."""
    assert task_of(about=about).describe().about == wanted


@pytest.mark.parametrize("value", [nn.ReLU(), object(), float("nan"), b"bytes"])
def test_about_without_a_plain_value_is_refused(value: Any) -> None:
    """What JSON cannot hold is refused when the task is made."""
    assert "about.deep must hold what JSON can" in refusal(about={"deep": [value]})


def shapes(outputs: Tensor, targets: Tensor) -> float:
    """Refuses outputs that are not shaped as the targets."""
    assert outputs.shape == targets.shape, (outputs.shape, targets.shape)
    return float(-(outputs - targets).abs().mean())


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_outputs_and_targets_of_a_metric_have_one_shape(kind: Kind) -> None:
    """A model's outputs (N, 1) reach a metric as (N,), beside targets (N,)."""
    task = task_of(kind, metric=shapes)
    outputs = task.build(0)(task.test[0])[None].detach()
    assert outputs.dim() == 3
    wanted = -(outputs[0, :, 0] - task.test[1]).abs().mean()
    assert float(task.measure(outputs, task.test[1])) == pytest.approx(float(wanted))


def test_frames_and_series_are_arrays() -> None:
    """What `train_test_split` returns of a frame is a task, its index whatever it is."""
    labels = pd.Series(LABELS.numpy(), index=range(90))[FRAME.index]
    one, two, first, second = train_test_split(FRAME, labels, random_state=0)
    task = task_of(train=(one, first), test=(two, second), validation=None)
    assert torch.equal(task.train[0], torch.as_tensor(one.to_numpy()))
    assert task.train[1].tolist() == first.tolist()
    assert task_of(train=(FRAME, labels), groups=labels, validation=None).groups is not None


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "Int8", "UInt16"])
def test_nullable_types_are_numbers(dtype: str) -> None:
    """pandas' nullable types are read; a missing value in them is named by its row."""
    frame = (FRAME > 0).astype("int64").astype(dtype)
    labels = (FRAME["a"] > 0).astype("boolean")
    task = task_of("binary", train=(frame, labels), validation=None, test=(frame, labels))
    assert task.train[0].shape == (90, FEATURES)
    assert set(task.train[1].tolist()) == {0, 1}
    frame.iloc[4, 2] = pd.NA
    line = refusal("binary", train=(frame, labels), validation=None, test=(frame, labels))
    assert "row 4" in line


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_read_as_float32(dtype: torch.dtype) -> None:
    """Stored embeddings are computed with in full, and targets beyond 65,504 stay what they are."""
    inputs, targets = data("regression", 90, 0)
    large = targets * 1e6
    stored = (inputs.to(dtype), large)
    task = task_of("regression", train=stored, validation=None, test=stored)
    assert task.train[0].dtype == task.train[1].dtype == torch.float32
    assert torch.equal(task.train[1], large)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int8, bool])
def test_labels_of_every_whole_type_are_taken(dtype: Any) -> None:
    """Unsigned labels too."""
    labels = (LABELS.numpy() > 0).astype(dtype)
    task = task_of(
        model=mlp(2), train=(INPUTS, labels), validation=None, test=(INPUTS, labels), metric="accuracy"
    )
    assert task.train[1].dtype == torch.int64


TEXT = np.array(["ant", "bee", "cat"])[LABELS.numpy()]


@pytest.mark.parametrize(
    "labels",
    [TEXT, TEXT.tolist(), TEXT[:, None], pd.Series(TEXT), pd.Series(TEXT).astype("category")],
    ids=["array", "list", "column", "series", "categorical"],
)
def test_labels_that_are_text_are_numbered(labels: Any) -> None:
    """In the order of their names, which are kept; the numbering is said."""
    task = task_of(train=(INPUTS, labels), validation=None, test=(INPUTS, labels))
    assert torch.equal(task.train[1], LABELS)
    assert task.class_names == ("ant", "bee", "cat")
    assert task.describe().class_names == ("ant", "bee", "cat")
    assert "3 classes numbered in order (ant, bee, cat)" in task.notes[0]


@pytest.mark.parametrize(("shift", "scale"), [(1, 1), (-1, 1), (10, 5)])
def test_labels_from_one_are_numbered_from_zero(shift: int, scale: int) -> None:
    """Whole numbers that are as many as the model has outputs are classes, and the shift is said."""
    moved = LABELS * scale + shift
    task = task_of(train=(INPUTS, moved), validation=None, test=(INPUTS, moved[:, None]))
    assert torch.equal(task.train[1], LABELS)
    assert torch.equal(task.test[1], LABELS)
    assert "are numbered 0 to 2" in task.notes[0]
    again = replace(task, recipe={"epochs": 4})
    assert torch.equal(again.train[1], LABELS)
    assert (again.class_names, again.notes) == (task.class_names, task.notes)


@pytest.mark.parametrize(
    ("values", "positive", "wanted"),
    [
        (("good", "bad"), None, "bad"),
        (("bad", "good"), None, "good"),
        (("good", "bad"), "good", "good"),
        ((-1, 1), None, 1),
        ((1, 2), None, 2),
        ((0, 1), None, 1),
        ((1, 0), None, 1),
        ((0, 1), 0, 0),
        ((0, 1), "0", 0),
    ],
)
def test_the_rarer_label_is_positive(values: tuple[Any, Any], positive: Any, wanted: Any) -> None:
    """Of two labels the rarer is positive, 1 beside 0 or -1, and the one that is asked for."""
    rare = torch.arange(90) % 5 == 0
    labels = np.array([values[int(r)] for r in rare])
    task = task_of(
        "binary", train=(INPUTS, labels), validation=None, test=(INPUTS, labels), positive=positive
    )
    assert task.train[1].tolist() == [float(label == wanted) for label in labels.tolist()]
    again = replace(task, recipe={"epochs": 4})
    assert torch.equal(again.train[1], task.train[1])
    assert (again.class_names, again.notes) == (task.class_names, task.notes)


def test_a_positive_label_must_be_one() -> None:
    """What is no label cannot count as positive, and classes have no positive one."""
    labels = np.array(["good", "bad"] * 45)
    line = refusal("binary", train=(INPUTS, labels), test=(INPUTS, labels), validation=None, positive="fraud")
    assert "positive must be one of bad, good, but got 'fraud'" in line
    assert "positive must be left out" in refusal(positive="1")


def test_a_binary_target_of_two_columns_is_refused() -> None:
    """One column for each answer says the same thing twice; the remedy is one of them."""
    both = torch.eye(2)[(LABELS > 0).long()]
    line = refusal("binary", model=mlp(2), train=(INPUTS, both), test=(INPUTS, both), validation=None)
    assert "(N,)" in line
    assert "multilabel" in line


def test_names_of_classes_are_as_many_as_classes() -> None:
    """Names are kept in the task's description; another number of names is refused."""
    assert task_of(class_names=["x", "y", "z"]).describe().class_names == ("x", "y", "z")
    assert "must hold 3 names" in refusal(class_names=["x", "y"])


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (torch.ones(3), "(90,)"),
        (-torch.ones(90), "at least 0"),
        (torch.zeros(90), "above 0"),
        (torch.full((90,), torch.nan), "finite"),
        ({"trian": torch.ones(90)}, "did you mean train"),
        (["a"] * 90, "numbers"),
    ],
)
def test_weights_that_are_none_are_refused(weights: Any, said: str) -> None:
    """A weight for each sample, finite and at least 0."""
    assert said in refusal(sample_weight=weights)


def test_minus_one_is_no_negative_label() -> None:
    """Labels of -1 and 1 alone mean negative and positive: they are refused, not taken for missing."""
    inputs, targets = data("multilabel", 90, 0)
    line = refusal("multilabel", train=(inputs, 2 * targets - 1))
    assert "write 0 for negative" in line
    line = refusal("multilabel", train=(inputs, targets.masked_fill(torch.arange(2) == 1, torch.nan)))
    assert "column 1 is missing in all 90 samples" in line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": ("binary",)}, "unknown kind"),
        ({"kind": None}, "unknown kind"),
        ({"greater_is_better": []}, "must be True or False"),
        ({"greater_is_better": 1}, "must be True or False"),
        ({"class_names": 5}, "list of texts"),
        ({"class_names": "abc"}, "list of texts"),
        ({"class_names": ["a", "a", "b"]}, "must differ"),
        ({"notes": "text"}, "list of texts"),
        ({"about": [1]}, "must be a mapping"),
        ({"confirm": "later"}, "must be a Task"),
        ({"model": nn.Linear}, "nn.Module"),
        ({"groups": 5}, "one value for each"),
        ({"sample_weight": 5}, "first axis"),
        ({"train": (torch.full((90, 6), 1j), LABELS)}, "real numbers"),
        ({"train": (INPUTS[:, 0].reshape(1, -1), LABELS)}, "one length"),
        ({"metric": print}, "must return a number"),
        ({"metric": 3}, "must be a function or a name"),
    ],
)
def test_arguments_of_another_type_are_one_line(changes: dict[str, Any], said: str) -> None:
    """What is of another type than an argument says so, and is no traceback."""
    given = {"train": (INPUTS, LABELS), **changes}
    assert said in refusal(**{"kind": "multiclass", **given})


def test_sparse_inputs_are_read() -> None:
    """Sparse tensors and matrices are read whole."""
    assert torch.equal(task_of(train=(INPUTS.to_sparse(), LABELS)).train[0], INPUTS)


@pytest.mark.parametrize(
    ("kind", "shape", "said"),
    [
        ("multilabel", (90, 2, 4, 4), "dense targets"),
        ("multilabel", (90,), "say kind binary"),
        ("binary", (90, 4, 4), "dense targets"),
        ("binary", (90, 3), "say kind multilabel"),
        ("multiclass", (90, 4, 4), "dense targets"),
    ],
)
def test_targets_of_another_shape_name_the_shape(kind: Kind, shape: tuple[int, ...], said: str) -> None:
    """Masks and columns where there is one answer a sample, and one answer where there are several."""
    targets = (torch.rand(shape, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    line = refusal(kind, train=(INPUTS, targets), validation=None, test=(INPUTS, targets))
    assert said in line
    assert "(N" in line
