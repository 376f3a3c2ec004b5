"""Seventeen faults that were found in loss functions people use. None of them is here."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from lossmith.losses import LossSpec, freeze, standard_loss
from lossmith.losses.checks import value_and_gradient


def spec(kind: str, **parameters: float) -> LossSpec:
    """A loss by its parameters, with a double underscore for the dot."""
    return LossSpec(kind, {name.replace("__", ".", 1): value for name, value in parameters.items()})


@pytest.mark.parametrize("logit", [20.0, 100.0, 6e4])
@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0, 2.0])
def test_1_focal_has_a_gradient_at_saturated_correct_logits(gamma: float, logit: float) -> None:
    """(1 - p)^gamma with 0 < gamma < 1 has an infinite slope at p = 1, which must not meet a rounded zero."""
    multi = freeze(spec("multiclass", mix__cross_entropy=1, focal__gamma=gamma))
    binary = freeze(spec("binary", mix__cross_entropy=1, focal__gamma=gamma))
    for loss, outputs, targets in (
        (multi, torch.tensor([[logit, 0.0, 0.0]]), torch.tensor([0])),
        (binary, torch.tensor([logit]), torch.tensor([1.0])),
    ):
        value, gradient = value_and_gradient(loss, outputs, targets)
        assert bool(value.isfinite())
        assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_2_asymmetric_loss_in_half_precision_is_finite(dtype: torch.dtype) -> None:
    """An epsilon of 1e-8 is zero in float16; there is none here."""
    outputs = torch.tensor([30.0, -30.0, 30.0, -30.0], dtype=dtype)
    value, gradient = value_and_gradient(
        standard_loss("asl", kind="binary"), outputs, torch.tensor([1.0, 0, 0, 1])
    )
    assert bool(value.isfinite())
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("shift", [0.0, 0.05])
def test_3_asymmetric_loss_corrects_the_worst_errors(shift: float) -> None:
    """A clamp under the logarithm would take the gradient from a yes at -30 and a no at 30."""
    loss = standard_loss("asl", kind="binary", asymmetric__shift=shift)
    _, gradient = value_and_gradient(loss, torch.tensor([-30.0, 30.0]), torch.tensor([1.0, 0.0]))
    assert gradient[0] < -0.4
    assert gradient[1] > (0.4 if shift == 0 else 0)


def test_4_grad_mode_is_the_callers() -> None:
    """Inside no_grad it stays off, and nothing is recorded."""
    with torch.no_grad():
        value = standard_loss("asl", kind="binary")(torch.randn(4, requires_grad=True), torch.ones(4))
        assert not torch.is_grad_enabled()
    assert not value.requires_grad


def test_5_a_parameter_that_changes_nothing_is_gone() -> None:
    """Smoothing that no term reads, a width under L2, the parameter of a term of weight zero."""
    assert (
        "label_smoothing.epsilon"
        not in spec("multiclass", mix__gce=1, label_smoothing__epsilon=0.1).parameters
    )
    assert "barron.c" not in spec("regression", mix__barron=1, barron__alpha=2, barron__c=3).parameters
    assert "gce.q" not in spec("multiclass", mix__cross_entropy=1, mix__gce=0, gce__q=0.3).parameters
    assert "focal.gamma" not in spec("binary", mix__tversky=1, focal__gamma=2).parameters


def test_6_multiclass_focal_at_gamma_0_is_cross_entropy() -> None:
    """It is a softmax, not a sigmoid per class."""
    outputs, targets = torch.randn(9, 4), torch.arange(9) % 4
    loss = standard_loss("focal", kind="multiclass", focal__gamma=0)
    torch.testing.assert_close(loss(outputs, targets), F.cross_entropy(outputs, targets))


def test_7_and_8_the_mean_is_over_what_counts() -> None:
    """Not over N K, and not over ignored samples."""
    outputs, targets = torch.randn(9, 4), torch.arange(9) % 4
    targets[::3] = 255
    loss = standard_loss("focal", kind="multiclass", focal__gamma=0, ignore_index=255)
    torch.testing.assert_close(loss(outputs, targets), F.cross_entropy(outputs, targets, ignore_index=255))


@pytest.mark.parametrize("name", ["cross_entropy", "inverse_frequency", "logit_adjustment"])
def test_9_all_ignored_is_0_with_zero_gradient(name: str) -> None:
    """Not NaN."""
    loss = standard_loss(name, kind="multiclass", class_counts=[5, 3, 2], ignore_index=-100)
    value, gradient = value_and_gradient(loss, torch.randn(4, 3), torch.full((4,), -100))
    assert value == 0
    assert bool((gradient == 0).all())


def test_10_class_weights_divide_by_their_sum_and_pos_weight_by_n() -> None:
    """As torch's cross_entropy(weight) and binary_cross_entropy_with_logits(pos_weight) do."""
    outputs, targets, counts = torch.randn(9, 3), torch.arange(9) % 3, [50, 5, 1]
    loss = standard_loss("inverse_frequency", kind="multiclass", class_counts=counts)
    wanted = F.cross_entropy(outputs, targets, weight=1 / torch.tensor(counts))
    torch.testing.assert_close(loss(outputs, targets), wanted)
    binary = standard_loss("bce", kind="binary", pos_weight__weight=4)
    wanted = F.binary_cross_entropy_with_logits(
        outputs[:, 0], (targets == 0).float(), pos_weight=torch.tensor(4.0)
    )
    torch.testing.assert_close(binary(outputs[:, 0], (targets == 0).float()), wanted)


def test_11_soft_f1_on_an_empty_target_punishes_false_positives() -> None:
    """Without any yes the loss falls as the claims do; a perfect prediction with absent classes is 0."""
    loss = standard_loss("soft_f1", kind="binary")
    value, gradient = value_and_gradient(loss, torch.tensor([3.0, 1.0, 0.0]), torch.zeros(3))
    assert value > 0.5
    assert bool((gradient > 0).all())
    labels = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    perfect = standard_loss("soft_f1", kind="multilabel")(200 * labels - 100, labels)
    assert float(perfect) == pytest.approx(0, abs=1e-6)


def test_12_soft_f1_of_a_large_mask_in_float16_is_finite() -> None:
    """The sums over 300,000 pixels would overflow float16."""
    outputs = torch.full((300_000,), 4.0, dtype=torch.float16)
    value, gradient = value_and_gradient(
        standard_loss("soft_f1", kind="binary"), outputs, torch.ones(300_000)
    )
    assert 0 < float(value) < 0.1
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("wild", [math.inf, -math.inf, math.nan])
def test_13_what_is_masked_cannot_leak(wild: float) -> None:
    """Infinite and NaN outputs at ignored places leave value and gradient alone."""
    for kind, outputs in (
        ("multiclass", torch.randn(4, 3)),
        ("binary", torch.randn(4)),
        ("multilabel", torch.randn(4, 2)),
    ):
        targets = torch.zeros(outputs.shape[:1] if kind == "multiclass" else outputs.shape)
        targets = targets.long() if kind == "multiclass" else targets
        name = "cross_entropy" if kind == "multiclass" else "bce"
        loss = standard_loss(name, kind=kind, ignore_index=9)
        outputs[1], targets[1] = wild, 9
        value, gradient = value_and_gradient(loss, outputs, targets)
        assert bool(value.isfinite())
        assert bool((gradient[1] == 0).all())
        assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("alpha", [2.0, 2 - 1e-4, 1e-4, 0.0, -1e-4, -1e6])
def test_14_barron_has_no_bad_places(alpha: float) -> None:
    """In float32 it equals float64 to 1e-5 near its removable singularities; -1e6 is Welsch."""
    outputs = torch.linspace(-9, 9, 41)
    loss = standard_loss("charbonnier", kind="regression", barron__alpha=alpha)
    single, gradient = value_and_gradient(loss, outputs, torch.zeros(41))
    double, slope = value_and_gradient(loss, outputs.double(), torch.zeros(41))
    assert float(single) == pytest.approx(float(double), rel=1e-5)
    torch.testing.assert_close(gradient.double(), slope, rtol=1e-4, atol=1e-6)
    if alpha == -1e6:
        welsch = standard_loss("welsch", kind="regression")(outputs.double(), torch.zeros(41))
        assert float(double) == pytest.approx(float(welsch), rel=1e-4)
    x = outputs.double().square()
    if abs(alpha) <= 1e-4:
        torch.testing.assert_close(double, torch.log1p(x / 2).mean(), rtol=1e-3, atol=0)


def test_15_bfloat16_outputs_are_computed_in_float32() -> None:
    """1 - 1e-6 is 1 in bfloat16; the loss of a saturated logit is not 0."""
    outputs = torch.tensor([[13.0, 0.0]], dtype=torch.bfloat16)
    value = standard_loss("cross_entropy", kind="multiclass")(outputs, torch.tensor([0]))
    assert value.dtype == torch.float32
    assert float(value) == pytest.approx(math.log1p(math.exp(-13)), rel=1e-5)


def test_16_numbers_survive_a_change_of_dtype() -> None:
    """1.7 does not become 1.703 by `.bfloat16()` or `.half()`, nor do counts and scales change."""
    outputs, targets = torch.randn(9, 3, dtype=torch.float64), torch.arange(9) % 3
    for name in ("logit_adjustment", "inverse_frequency", "ldam"):
        loss = standard_loss(name, kind="multiclass", class_counts=[1001, 333, 77], focal__gamma=1.7)
        before = loss(outputs, targets)
        assert loss.bfloat16()(outputs, targets) == before
        assert nn.Sequential(loss).half()[0](outputs, targets) == before
    scaled = standard_loss("mse", kind="regression", target_scale=1.7)
    x = torch.ones(3, dtype=torch.float64)
    assert float(scaled.bfloat16()(x, 0 * x)) == pytest.approx(1 / 1.7**2, rel=1e-12)


def test_17_an_exported_loss_takes_any_batch_and_half_precision() -> None:
    """No branch on dtype or values: traced with float16, it computes in float32 for any number of samples."""
    loss = standard_loss("focal", kind="multiclass", class_counts=[9, 3, 1], logit_adjustment__tau=1)
    batch = torch.export.Dim("batch", min=1)
    example = torch.randn(8, 3).half(), torch.arange(8) % 3
    program = torch.export.export(loss, example, dynamic_shapes=({0: batch}, {0: batch})).module()
    for size in (1, 5, 300):
        outputs, targets = torch.randn(size, 3).half(), torch.arange(size) % 3
        got: Tensor = program(outputs, targets)
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, loss(outputs, targets))


@pytest.mark.parametrize("true", [-6e4, -300.0, 0.0, 300.0, 6e4])
def test_the_fast_path_keeps_its_digits_at_extreme_logits(true: float) -> None:
    """The eager module's gradient in float32 is that of float64, however far off the true class is."""
    outputs = torch.tensor([[true, 0.3, -1.2, 2.0]])
    loss = standard_loss("label_smoothing", kind="multiclass")
    _, single = value_and_gradient(loss, outputs, torch.tensor([0]))
    _, double = value_and_gradient(loss, outputs.double(), torch.tensor([0]))
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-7)


def test_the_fast_path_has_second_derivatives() -> None:
    """For whoever needs a Hessian of a frozen loss."""
    outputs = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    loss = standard_loss("focal", kind="multiclass", label_smoothing__epsilon=0.1)
    assert torch.autograd.gradgradcheck(lambda o: loss(o, torch.arange(5) % 4), outputs)


@pytest.mark.parametrize("offset", [0.0, 1e4, -1e4, 1e13])
def test_the_fast_path_keeps_its_digits_where_all_logits_are_large(offset: float) -> None:
    """A constant added to every logit changes nothing: the gradient is made of differences, not of sums."""
    outputs = torch.tensor([[0.0, 2.0, -1.0, 1.0]]).mul(max(1.0, abs(offset) * 2**-22)) + offset
    loss = standard_loss("label_smoothing", kind="multiclass", focal__gamma=0.5)
    _, single = value_and_gradient(loss, outputs, torch.tensor([0]))
    _, double = value_and_gradient(loss, outputs.double(), torch.tensor([0]))
    assert bool(single.isfinite().all())
    torch.testing.assert_close(single.double(), double, rtol=2e-6, atol=1e-7)
