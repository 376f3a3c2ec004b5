"""Weights of samples and missing targets, in many losses at once and in shapes that models have."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from lossmith.losses import BoundLoss, LossSpec, UserError, freeze, standard_loss, standard_spec
from lossmith.losses.family.inputs import check_weight
from lossmith.losses.kinds import KINDS
from lossmith.losses.stacked.stacked_loss import StackedLoss

DRAW = torch.Generator().manual_seed(3)


def random(*shape: int) -> Tensor:
    """Normal numbers in float64."""
    return torch.randn(shape, generator=DRAW, dtype=torch.float64)


def constants(kind: str) -> dict[str, Tensor]:
    """What the usual loss of a kind reads of its data."""
    return {} if KINDS[kind].counted else {"target_scale": torch.ones(())}


def usual(kind: str) -> BoundLoss:
    """The usual loss of a kind, bound to that."""
    return standard_spec(KINDS[kind].usual_loss, kind).bind(target_scale=constants(kind).get("target_scale"))


DENSE: dict[str, tuple[str, Tensor, Tensor]] = {
    "masks": ("multiclass", random(4, 3, 2, 5), torch.arange(40).view(4, 2, 5) % 3),
    "pixels": ("binary", random(4, 1, 6), (torch.arange(24).view(4, 6) % 2).double()),
    "labels": ("multilabel", random(4, 3), (torch.arange(12).view(4, 3) % 2).double()),
    "dimensions": ("regression", random(4, 3), random(4, 3)),
    "single": ("regression", random(4, 1), random(4)),
}


@pytest.mark.parametrize("name", DENSE)
def test_a_sample_of_weight_two_is_two_samples_whatever_its_shape(name: str) -> None:
    """The weight of a sample goes to each of its pixels, labels or dimensions."""
    kind, outputs, targets = DENSE[name]
    spec = standard_spec(KINDS[kind].usual_loss, kind)
    stacked = StackedLoss(
        kind, [spec], torch.float64, [{"target_scale": torch.ones(())} if kind == "regression" else {}]
    )
    weight, rows = torch.tensor([2.0, 0, 1, 1]), torch.tensor([0, 0, 2, 3])
    wanted = standard_loss(KINDS[kind].usual_loss, kind=kind)(outputs[rows], targets[rows])
    found = stacked.each(outputs[None], targets[None], weight[None])
    torch.testing.assert_close(found, wanted[None])


MISSING: list[tuple[str, Tensor, Tensor, dict[str, Any]]] = [
    ("multilabel", random(5, 3), torch.tensor([[1.0, -1, 0]] * 5), {"ignore_index": -1}),
    ("regression", random(5, 3), torch.tensor([[1.0, torch.nan, 0]] * 5), {"ignore_nan": True}),
    ("regression", random(5), torch.tensor([1.0, torch.nan, 0, torch.nan, 2]), {"ignore_nan": True}),
    ("binary", random(5), torch.tensor([1.0, -1, 0, -1, 1]), {"ignore_index": -1}),
    ("multiclass", random(5, 3), torch.tensor([1, 255, 0, 255, 2]), {"ignore_index": 255}),
]


@pytest.mark.parametrize(("kind", "outputs", "targets", "ignoring"), MISSING)
def test_missing_targets_do_not_count_alone_or_beside_others(
    kind: str, outputs: Tensor, targets: Tensor, ignoring: dict[str, Any]
) -> None:
    """A label that nobody looked at, and a number that is missing, have no loss and no gradient."""
    spec = standard_spec(KINDS[kind].usual_loss, kind).bind(
        None, 1.0 if kind == "regression" else None, **ignoring
    )
    there = ~targets.isnan() & (targets >= 0) & (targets != 255)
    leaf = outputs.clone().requires_grad_()
    value = freeze(spec)(leaf, targets)
    (slope,) = torch.autograd.grad(value, leaf)
    assert bool(value.isfinite())
    gone = (slope if slope.shape == there.shape else slope.sum(-1))[~there]
    assert not bool(gone.any())
    index = ignoring.get("ignore_index", float("nan"))
    stacked = StackedLoss(kind, [spec, spec], torch.float64, [constants(kind)], ignoring=index)
    many = stacked.each(torch.stack([outputs, outputs]), targets[None])
    torch.testing.assert_close(many, torch.stack([value, value]).detach())
    if targets.dim() == 1:
        plain = freeze(
            standard_spec(KINDS[kind].usual_loss, kind).bind(None, 1.0 if kind == "regression" else None)
        )
        torch.testing.assert_close(value.detach(), plain(outputs[there], targets[there]))


def test_missing_targets_survive_the_document() -> None:
    """loss.json says which targets do not count."""
    for ignoring in (True, False):
        spec = standard_spec("mse", "regression").bind(target_scale=2.0, ignore_nan=ignoring)
        assert LossSpec.from_json(spec.to_json()) == spec
    assert "ignore_nan" not in spec.to_json()


@pytest.mark.parametrize(
    ("kind", "ignoring", "words"),
    [
        ("multiclass", {"ignore_nan": True}, "ignore_nan must be False for multiclass"),
        ("multilabel", {"ignore_nan": True}, "set ignore_index"),
        ("regression", {"ignore_index": 0}, "ignore_nan leaves out"),
    ],
)
def test_what_can_be_ignored_depends_on_the_kind(kind: str, ignoring: dict[str, Any], words: str) -> None:
    """Classes and answers are ignored by their number, numbers where they are none."""
    with pytest.raises(UserError, match=words):
        standard_spec(KINDS[kind].usual_loss, kind).bind(**ignoring)


@pytest.mark.parametrize(
    "weight", [torch.ones(3), torch.ones(4, 1), torch.ones(4).long(), torch.ones(4).bool()]
)
def test_weights_are_one_number_for_each_sample(weight: Tensor) -> None:
    """Anything else would be spread over the samples in a way nobody meant."""
    with pytest.raises(UserError, match=r"one floating-point number for each sample, \(4,\)"):
        check_weight(weight, 4)


@pytest.mark.parametrize(
    ("kind", "outputs", "targets"),
    [
        ("multiclass", (6, 3), (6, 1)),
        ("multiclass", (6, 3, 4, 5), (6, 1, 4, 5)),
        ("binary", (6,), (6, 1)),
        ("binary", (6, 1), (6,)),
        ("binary", (6, 4, 5), (6, 1, 4, 5)),
        ("regression", (6, 1), (6,)),
    ],
)
def test_labels_in_a_column_are_labels(kind: str, outputs: tuple[int, ...], targets: tuple[int, ...]) -> None:
    """(N, 1), as tables give them, means (N,); against outputs (N,) it would pair every two samples."""
    loss = standard_loss(KINDS[kind].usual_loss, kind=kind)
    values, labels = random(*outputs), torch.arange(torch.Size(targets).numel()).reshape(targets) % 2
    flat = labels.flatten() if len(outputs) < 3 else labels.squeeze(1)
    wanted = loss(values.squeeze(1) if outputs[1:] == (1,) else values, flat)
    torch.testing.assert_close(loss(values, labels), wanted)
