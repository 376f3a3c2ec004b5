"""The curves of a loss."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lossmith.experiments.report.loss_curves import Curve, curves
from lossmith.losses import LossSpec, UserError, standard_spec


def only(spec: LossSpec) -> Curve:
    """The one curve of a loss that treats all samples alike."""
    (curve,) = curves(spec)
    return curve


@pytest.mark.parametrize(
    ("kind", "counts"), [("multiclass", (90, 30, 5)), ("binary", (90, 10)), ("multilabel", ((90, 10),))]
)
def test_cross_entropy_is_minus_ln_p_and_pulls_by_what_is_missing(kind: str, counts: tuple[int, ...]) -> None:
    """At a margin x the probability is 1 / (1 + exp(-x)): the loss is -ln p, the pull 1 - p."""
    name = "cross_entropy" if kind == "multiclass" else "bce"
    curve = only(standard_spec(name, kind).bind(counts))
    for x, loss, pull in zip(curve.x, curve.loss, curve.pull, strict=True):
        p = 1 / (1 + math.exp(-x))
        # float64 throughout; the bound allows for the rounding of exp and log
        assert loss == pytest.approx(-math.log(p), rel=1e-9, abs=1e-12)
        assert pull == pytest.approx(1 - p, rel=1e-9, abs=1e-12)


def test_squared_error_is_a_parabola_in_units_of_the_spread() -> None:
    """Whatever the spread of the targets, the curve is r squared and its slope 2 r."""
    curve = only(standard_spec("mse", "regression").bind(None, 7.0))
    assert curve.loss == pytest.approx([x * x for x in curve.x])
    assert curve.pull == pytest.approx([2 * x for x in curve.x])


def test_classes_that_are_treated_differently_have_a_curve_each() -> None:
    """Logit adjustment asks more of a rare class; a weight is told beside the curve, not in its height."""
    frequent, rare = curves(standard_spec("logit_adjustment", "multiclass").bind((90, 30, 5)))
    assert (frequent.case, rare.case) == ("frequent class", "rare class")
    assert all(one < other for one, other in zip(frequent.loss, rare.loss, strict=True))
    frequent, rare = curves(standard_spec("inverse_frequency", "multiclass").bind((90, 30, 5)))
    assert frequent.loss == rare.loss
    assert rare.weight / frequent.weight == pytest.approx(90 / 5)


def test_a_weight_is_relative_to_the_mean_training_sample() -> None:
    """Inverse frequency gives every class the same share: K classes, each N / (K n) times a sample."""
    frequent, rare = curves(standard_spec("inverse_frequency", "multiclass").bind((90, 30, 5)))
    assert (frequent.weight, rare.weight) == pytest.approx((125 / 270, 125 / 15))


def test_a_weight_is_computed_in_floating_point() -> None:
    """Class counts are integers; a weight of the effective number of samples must not round its beta to 0."""
    frequent, rare = curves(standard_spec("class_balanced", "multiclass").bind((90, 30, 5)))
    assert rare.weight / frequent.weight == pytest.approx((1 - 0.999**90) / (1 - 0.999**5))


def test_a_loss_of_whole_batches_has_no_curve() -> None:
    """Soft F1 says nothing of a single sample."""
    assert curves(standard_spec("soft_f1", "binary").bind((90, 10))) == []


def test_reductions_are_left_out() -> None:
    """The worst tenth of a batch still has the curve of its samples."""
    plain = standard_spec("cross_entropy", "multiclass").bind((90, 30, 5))
    tailed = replace(plain, parameters={**plain.parameters, "cvar.fraction": 0.1})
    assert curves(tailed) == curves(plain)


def test_a_loss_without_its_constants_is_refused() -> None:
    """A loss that reads class counts has no curve before it is bound to some; the message says so."""
    with pytest.raises(UserError, match="reads class_counts"):
        curves(standard_spec("logit_adjustment", "multiclass"))
