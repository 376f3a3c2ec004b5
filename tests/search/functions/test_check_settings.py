"""What is said about a training function has the type and the range of its rule, or is one line."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from lossmith.losses import UserError
from lossmith.search import TrainingFunction
from lossmith.search.training.functions.rehearse import rehearse

WRONG: list[tuple[str, Any, str]] = [
    *(("workers", v, "a whole number from 1") for v in list[Any]([True, "4", 1.5, 0, -1, [], 10**30])),
    *(("greater_is_better", v, "true or false") for v in ("maybe", "no", 1, 0, None)),
    *(("ignore_index", v, "a whole number") for v in ("x", True, 1.5, [1])),
    *(("target_scale", v, "a number above 0") for v in ("x", 0, -1, True, math.nan, math.inf, [1])),
    *(("metric", v, "name of what it returns") for v in list[Any]([3, "", " ", None, "a\nb", "x" * 5000])),
    *(("name", v, "name") for v in list[Any]([3, "a\nb", "../x", "\udc80"])),
    *(("kind", v, "unknown kind") for v in list[Any](["multi", 3, True, None, [], {}])),
    *(
        ("class_counts", v, "class_counts must be numbers of training samples")
        for v in list[Any](
            (
                "x",
                [1],
                [-1, 2, 3],
                [0, 0],
                [5, "a"],
                [True, 3],
                [1.5, 2],
                {},
                [],
                5,
                [[1, 2]],
                [math.nan, 1],
            )
        )
    ),
]


@pytest.mark.parametrize(("key", "value", "rule"), WRONG)
def test_a_setting_is_never_converted(key: str, value: Any, rule: str) -> None:
    """A boolean is no number, a word no flag; the line names the rule and has a length."""
    settings = {"kind": "multiclass", key: value}
    with pytest.raises(UserError) as caught:
        TrainingFunction(lambda loss, trial: 0.5, **settings)
    assert rule in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        ("binary", [1, 2, 3]),
        ("binary", [[1, 2]]),
        ("multilabel", [1, 2]),
        ("multilabel", [[1, 2], [0, 0]]),
        ("multilabel", [[1, 2, 3]]),
        ("regression", [1, 2]),
    ],
)
def test_counts_have_the_shape_of_their_kind(kind: Any, counts: Any) -> None:
    """Two numbers for binary, a pair a label for multilabel, none for regression."""
    with pytest.raises(UserError, match="class_counts must be"):
        TrainingFunction(lambda loss, trial: 0.5, kind, class_counts=counts)


@pytest.mark.parametrize(
    ("kind", "counts"), [("multiclass", (90, 10, 0)), ("binary", [9, 1]), ("multilabel", [[9, 1], [5, 5]])]
)
def test_counts_that_can_be_are_taken(kind: Any, counts: Any) -> None:
    """Also a class that the training part does not have."""
    assert TrainingFunction(lambda loss, trial: 0.5, kind, class_counts=counts).class_counts == counts


@pytest.mark.parametrize("counts", [[5, 5], [5, 5, 5, 5]])
def test_counts_of_other_classes_are_found_in_the_rehearsal(counts: list[int]) -> None:
    """Two or four numbers for a model of three outputs: before the search is entered."""

    def train(loss: nn.Module, trial: Any) -> float:  # noqa: ARG001  (its form is what makes it a training)
        model = nn.Linear(2, 3)
        loss(model(torch.randn(6, 2)), torch.arange(6) % 3).backward()
        return 0.5

    with pytest.raises(UserError, match="a number for each of the 3 columns of the outputs, but got"):
        rehearse(TrainingFunction(train, "multiclass", class_counts=counts))
