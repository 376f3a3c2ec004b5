"""What a user can get wrong has a defined result or one clear error."""

# ruff: noqa: E501  (one case a line)

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from lossmith.losses import Kind, LossSpec, UserError, freeze, parts_for, standard_loss, standard_spec
from lossmith.losses.checks import value_and_gradient
from lossmith.losses.declarations import KINDS
from lossmith.losses.frozen.frozen_loss import constants_read
from lossmith.spaces.parse import auto

CE = {"kind": "multiclass", "name": "cross_entropy"}
BCE = {"kind": "binary", "name": "bce"}
LABELS = {"kind": "multilabel", "name": "bce"}
MSE = {"kind": "regression", "name": "mse"}


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "words"),
    [
        (CE, torch.randn(4, 3), torch.rand(4), "must be integer class indices, but got torch.float32"),
        (CE, torch.randn(4, 3), torch.ones(4, dtype=torch.bool), "must be integer class indices"),
        (CE, torch.randn(4, 3), torch.rand(4, 3), "probabilities as targets are not supported"),
        (CE, torch.randn(4, 3), torch.eye(4, 3).long(), "probabilities as targets are not supported"),
        (CE, torch.randn(4, 3), torch.tensor([0, 1, 3, 2]), "must be class indices from 0 to 2, but got 3"),
        (CE, torch.randn(4, 3), torch.tensor([0, -100, 1, 2]), "but got -100; set ignore_index"),
        (CE, torch.randn(4, 1), torch.zeros(4).long(), "K >= 2"),
        (CE, torch.randn(4), torch.zeros(4).long(), "K >= 2"),
        (CE, torch.randn(4, 3), torch.zeros(5).long(), r"but got \(4, 3\) and \(5,\)"),
        (CE, torch.ones(4, 3).long(), torch.zeros(4).long(), "outputs must be floating-point"),
        (BCE, torch.randn(4), torch.tensor([0.0, 1.0, 2.0, 0.0]), "must be 0 or 1, but got 2"),
        (BCE, torch.randn(4), torch.tensor([-1.0, 1.0, 1.0, 1.0]), "must be 0 or 1, but got -1"),
        (BCE, torch.randn(4), torch.tensor([0.5, 1.0, 1.0, 1.0]), "must be 0 or 1, but got 0.5"),
        (BCE, torch.randn(4), torch.tensor([float("nan"), 1.0, 1.0, 1.0]), "must be 0 or 1, but got nan"),
        (LABELS, torch.randn(2, 2), torch.tensor([[0.2, 0.8], [1.0, 0.0]]), "must be 0 or 1, but got 0.2"),
        (BCE, torch.randn(4, 2), torch.ones(4), "must have one shape"),
        (BCE, torch.randn(()), torch.ones(()), "must have one shape"),
        (LABELS, torch.randn(4, 2), torch.ones(4), r"must have one shape \(N, L\)"),
        (LABELS, torch.randn(4), torch.ones(4), r"must have one shape \(N, L\)"),
        (MSE, torch.randn(4, 2), torch.ones(4), "must have one shape"),
        (MSE, torch.randn(4), torch.ones(4, dtype=torch.complex64), "must be real numbers"),
    ],
)  # fmt: skip
def test_outputs_and_targets_that_do_not_fit(
    loss: dict[str, Any], outputs: Tensor, targets: Tensor, words: str
) -> None:
    """One line that names the rule and the value."""
    with pytest.raises(UserError, match=words) as caught:
        standard_loss(**loss)(outputs, targets)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "focall", "kind": "multiclass"}, "unknown standard loss .* did you mean focal"),
        ({"name": "focal", "kind": "multi"}, "unknown kind 'multi': did you mean multi"),
        ({"name": "focal", "kind": "multiclass", "focal__gama": 1}, "unknown parameter 'focal.gama': did you mean focal.gamma"),
        ({"name": "focal", "kind": "multiclass", "focal__gamma": -1}, r"focal.gamma must lie in \[0, inf\), but got -1"),
        ({"name": "focal", "kind": "multiclass", "focal__gamma": float("nan")}, "must be a finite number"),
        ({"name": "focal", "kind": "multiclass", "focal__gamma": "2"}, "must be a finite number"),
        ({"name": "gce", "kind": "multiclass", "gce__q": 1.5}, r"must lie in \[0, 1\], but got 1.5"),
        ({"name": "cross_entropy", "kind": "multiclass", "gce__q": 0.5}, "cross_entropy has no gce; add mix__gce"),
        ({"name": "cross_entropy", "kind": "multiclass", "mix__cross_entropy": 0}, "at least one term"),
        ({"name": "cross_entropy", "kind": "multiclass", "mix__focal": 1}, "only terms have a weight; focal"),
        ({"name": "cross_entropy", "kind": "multiclass", "mix__mae": -1}, "weights of the mix must be at least 0"),
        ({"name": "cross_entropy", "kind": "multiclass", "huber__delta": 1}, "unknown part of the multiclass family"),
        ({"name": "ldam", "kind": "multiclass"}, "reads class_counts, which is not set"),
        ({"name": "ldam", "kind": "multiclass", "class_counts": [3]}, "whole numbers .* K >= 2"),
        ({"name": "ldam", "kind": "multiclass", "class_counts": [3, -1]}, "at least 0 and not all 0, but got"),
        ({"name": "ldam", "kind": "multiclass", "class_counts": [3, 1.5]}, "whole numbers"),
        ({"name": "bce", "kind": "binary", "class_counts": [3, 1, 2]}, r"\(negatives, positives\)"),
        ({"name": "bce", "kind": "multilabel", "class_counts": [3, 1]}, "for each label"),
        ({"name": "mse", "kind": "regression", "class_counts": [3, 1]}, "regression, which has no classes"),
        ({"name": "mse", "kind": "regression", "target_scale": 0}, "must be above 0"),
        ({"name": "mse", "kind": "regression", "ignore_index": 0}, "must be None for regression"),
    ],
)  # fmt: skip
def test_a_loss_that_cannot_be_made(arguments: dict[str, Any], words: str) -> None:
    """Unknown names list near matches; values outside their domain say the domain."""
    with pytest.raises(UserError, match=words):
        standard_loss(**arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch_is_0_with_an_empty_gradient(kind: Kind) -> None:
    """Where torch gives NaN; with weights, selections and reductions too."""
    shape = {"multiclass": (0, 3), "multilabel": (0, 2)}.get(kind, (0,))
    targets = torch.zeros(0).long() if kind == "multiclass" else torch.zeros(shape)
    term = "mse" if kind == "regression" else "cross_entropy"
    for extra in ({}, {"tilted.t": 1.0}, {"cvar.fraction": 0.5}, {"trimmed.share": 0.2}):
        spec = LossSpec(kind, {f"mix.{term}": 1, **extra}).bind(
            target_scale=1.0 if kind == "regression" else None
        )
        value, gradient = value_and_gradient(freeze(spec), torch.zeros(shape), targets)
        assert value == 0
        assert gradient.shape == shape


def test_a_class_never_seen_counts_as_seen_once() -> None:
    """Its weight and its adjustment are finite."""
    for name in ("ldam", "class_balanced", "inverse_frequency", "logit_adjustment"):
        seen, unseen = (standard_loss(name, kind="multiclass", class_counts=[9, 4, n]) for n in (1, 0))
        outputs, targets = torch.randn(6, 3), torch.arange(6) % 3
        assert float(unseen(outputs, targets)) == pytest.approx(float(seen(outputs, targets)))


@pytest.mark.parametrize(
    ("kind", "seen", "unseen"),
    [
        ("binary", (9, 1), (9, 0)),
        ("binary", (1, 9), (0, 9)),
        ("multilabel", ((9, 1), (5, 5)), ((9, 0), (5, 5))),
    ],
)
def test_an_answer_never_seen_counts_as_seen_once(kind: Kind, seen: Any, unseen: Any) -> None:
    """Every part that reads the counts of yes and no."""
    outputs = torch.randn(6, 2) if kind == "multilabel" else torch.randn(6)
    targets = (torch.arange(outputs.numel()) % 2).float().view_as(outputs)
    values = {
        f"{part.name}.{p.name}": p.default
        for part in parts_for(kind).values()
        for p in part.parameters
        if part.stage != "term"
    }
    spec = LossSpec(kind, {"mix.cross_entropy": 1, **values})
    assert constants_read(spec) == ("class_counts",)
    one, other = (freeze(spec.bind(counts))(outputs, targets) for counts in (seen, unseen))
    assert bool(one.isfinite())
    assert one == other


def test_outputs_must_have_the_classes_the_loss_is_bound_to() -> None:
    """A loss bound to three classes refuses four."""
    loss = standard_loss("ldam", kind="multiclass", class_counts=[9, 4, 1])
    with pytest.raises(UserError, match="must have 3 columns"):
        loss(torch.randn(2, 4), torch.zeros(2).long())


def test_shapes_that_people_use_are_understood() -> None:
    """(N, 1) outputs, integer and boolean answers, int32 and uint8 classes."""
    outputs, answers = torch.randn(6, 1), torch.tensor([0, 1, 1, 0, 1, 0])
    bce = standard_loss("bce", kind="binary")
    wanted = F.binary_cross_entropy_with_logits(outputs[:, 0], answers.float())
    for targets in (answers, answers.bool(), answers.float()[:, None], answers.double()):
        torch.testing.assert_close(bce(outputs, targets), wanted)
    ce, logits = standard_loss("cross_entropy", kind="multiclass"), torch.randn(6, 3)
    for dtype in (torch.int32, torch.uint8, torch.int64):
        torch.testing.assert_close(ce(logits, answers.to(dtype)), F.cross_entropy(logits, answers))


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "label_smoothing", "gce", "inverse_frequency"])
def test_dense_targets_are_pixels_as_samples(name: str) -> None:
    """(N, K, H, W) logits with (N, H, W) targets, some ignored: as torch's cross_entropy takes them."""
    logits, targets = torch.randn(2, 4, 5, 3), torch.randint(4, (2, 5, 3))
    targets[0, 0] = 255
    loss = standard_loss(name, kind="multiclass", class_counts=[9, 5, 3, 1], ignore_index=255)
    value, gradient = value_and_gradient(loss, logits, targets)
    kept = targets.flatten() != 255
    flat = logits.movedim(1, -1).reshape(-1, 4)[kept], targets.flatten()[kept]
    torch.testing.assert_close(value, loss(*flat))
    assert bool((gradient[0, :, 0] == 0).all())
    if name == "cross_entropy":
        torch.testing.assert_close(value, F.cross_entropy(logits, targets, ignore_index=255))


def test_binary_masks_are_pixels_as_samples() -> None:
    """(N, 1, H, W) logits with (N, H, W) masks; soft F1 is counted over the batch."""
    logits, mask = torch.randn(2, 1, 5, 3), torch.randint(2, (2, 5, 3))
    for name in ("bce", "soft_f1", "focal"):
        loss = standard_loss(name, kind="binary")
        torch.testing.assert_close(loss(logits, mask), loss(logits.flatten(), mask.flatten()))


@pytest.mark.parametrize("document", [
    {"schema": 2}, {"schema": 1, "kind": "multiclass"}, {"schema": 1, "kind": "x", "parameters": {}},
    {"schema": 1, "kind": "multiclass", "parameters": {"mix.gce": 1}, "gamma": 2},
])  # fmt: skip
def test_a_document_that_is_no_loss_is_refused(document: dict[str, Any]) -> None:
    """In one line."""
    with pytest.raises(UserError):
        LossSpec.from_json(document)


def test_no_error_needs_a_second_look() -> None:
    """An unknown loss names the kinds' own losses, not those of another kind."""
    with pytest.raises(UserError, match="did you mean bce"):
        standard_spec("bces", "binary")


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        ("multiclass", "x"),
        ("multiclass", "12"),
        ("multiclass", ["1", "2"]),
        ("multiclass", [True, False]),
        ("multiclass", [1]),
        ("multiclass", [-1, 2, 3]),
        ("multiclass", [0, 0, 0]),
        ("multiclass", [float("inf"), 1]),
        ("multiclass", [float("nan"), 1]),
        ("multiclass", [[1, 2], [3, 4]]),
        ("multiclass", 7),
        ("multiclass", {}),
        ("binary", [0, 0]),
        ("binary", [1, 2, 3]),
        ("multilabel", [1, 2]),
        ("multilabel", [[1, 2, 3]]),
        ("multilabel", [[0, 0], [0, 0]]),
        ("multilabel", ["12", "34"]),
        ("multilabel", []),
        ("multiclass", torch.tensor([0.5, 1.0])),
    ],
)
def test_class_counts_that_are_none_are_refused_in_one_short_line(kind: str, counts: Any) -> None:
    """Words, other lengths, negative numbers and nothing but zeros are found where a loss is bound."""
    with pytest.raises(UserError, match=f"class_counts of a {kind} loss must be whole numbers") as caught:
        standard_spec("class_balanced" if kind == "multiclass" else "bce", kind).bind(counts)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_class_counts_may_be_whatever_counts() -> None:
    """Lists, tuples and tensors of whole numbers are one and the same; a class may have none."""
    given: list[Any] = [[3, 0, 5], (3.0, 0.0, 5.0), torch.tensor([3, 0, 5])]
    for counts in given:
        assert standard_spec("ldam", "multiclass").bind(counts).class_counts == (3, 0, 5)
    pairs = standard_spec("bce", "multilabel").bind(torch.tensor([[1, 2], [0, 0]]))
    assert pairs.class_counts == ((1, 2), (0, 0))


@pytest.mark.parametrize("counts", ["x", [-1, 2], [0, 0, 0], ["a", "b"]])
def test_a_space_is_not_chosen_by_counts_that_are_none(counts: Any) -> None:
    """`space: auto` looks at the counts before any loss is bound to them."""
    with pytest.raises(UserError, match="class_counts of a multiclass loss must be whole numbers"):
        auto("multiclass", counts)
