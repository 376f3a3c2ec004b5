"""Presets: what is in them, which one is chosen, how a SPEC changes them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossmith.losses import Kind, UserError, standard_specs
from lossmith.spaces import auto, preset, presets, space_from

# Standard losses that make no sense where a preset is meant for: class sizes are alike, or labels are clean.
LEFT_OUT = {
    "multiclass": {"logit_adjustment", "balanced_softmax", "ldam", "class_balanced", "inverse_frequency"},
    "noisy-labels": {"logit_adjustment", "balanced_softmax", "ldam", "class_balanced", "inverse_frequency"},
    "imbalanced": {"bi_tempered", "nce_rce"},
}
PRESETS = [(name, kind) for name, document in presets().items() for kind in document["kinds"]]


@pytest.mark.parametrize(("name", "kind"), PRESETS)
def test_every_standard_loss_is_an_exact_point_of_its_presets(name: str, kind: Kind) -> None:
    """So that a search can find it and never loses to it for want of a point."""
    space = preset(name, kind)
    for standard, spec in standard_specs(kind).items():
        point = space.point_of(spec, 1e-3)
        assert (point is None) == (standard in LEFT_OUT.get(name, ())), standard
        if point is not None:
            found = space.loss_at(point)
            assert found.parameters == pytest.approx(dict(spec.parameters), rel=1e-6)


def test_every_standard_loss_is_in_some_preset() -> None:
    """Of its kind."""
    for kind in ("multiclass", "binary", "multilabel", "regression"):
        spaces = [preset(name, known) for name, known in PRESETS if known == kind]
        for name, spec in standard_specs(kind).items():
            assert any(space.point_of(spec, 1e-3) for space in spaces), name


@pytest.mark.parametrize(("name", "kind"), PRESETS)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_every_point_is_a_loss_that_has_a_point(name: str, kind: Kind, data: st.DataObject) -> None:
    """Whatever a sampler proposes means a loss inside its domains."""
    space = preset(name, kind)
    point = {n: d.at(data.draw(st.floats(0, 1))) for n, d in space.coordinates().items()}
    spec = space.loss_at(point)
    assert spec.kind == kind
    assert math.isclose(sum(v for n, v in spec.parameters.items() if n.startswith("mix.")), 1, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("kind", "counts", "metric", "name", "words"),
    [
        ("multiclass", [50, 40], "accuracy", "multiclass", "1.25 times"),
        ("multiclass", [50, 10], "accuracy", "imbalanced", "5 times the samples of the smallest"),
        ("binary", [50, 10], "binary_accuracy", "binary", "the task is binary"),
        ("binary", None, "average_precision", "ranking-metrics", "judges the order"),
        ("multilabel", None, "mAP", "ranking-metrics", "judges the order"),
        ("binary", None, "auroc", "ranking-metrics", "auroc judges the order"),
        ("multilabel", [[5, 1], [3, 3]], None, "multilabel", "the task is multilabel"),
        ("regression", None, "rmse", "regression", "the task is regression"),
        ("regression", None, "mae", "outliers", "forgives large errors"),
        ("regression", None, "median_ae", "outliers", "forgives large errors"),
        ("regression", None, "pinball@0.9", "quantiles", "weighs errors above and below differently"),
    ],
)
def test_auto_chooses_and_says_why(
    kind: Kind, counts: Any, metric: str | None, name: str, words: str
) -> None:
    """From the kind, the class counts and the metric."""
    space = auto(kind, counts, metric)
    assert space.name == name
    assert words in space.reason


def test_a_spec_narrows_fixes_and_switches() -> None:
    """A narrower range, a fixed value, a part always on, a part out, a part the preset does not have."""
    space = space_from(
        {
            "preset": "multiclass",
            "parameters": {"focal.gamma": {"low": 1, "high": 2}, "gce.q": 0.5},
            "switches": {"focal": 1, "mae": 0, "trimmed": 0.5},
        },
        "multiclass",
    )
    assert (space.domains["focal.gamma"].low, space.domains["focal.gamma"].high) == (1, 2)
    assert space.fixed["gce.q"] == 0.5
    names = space.coordinates()
    assert "focal.on" not in names
    assert "mix.mae" not in names
    assert {"trimmed.on", "trimmed.share"} <= set(names)
    assert "focal.gamma" in space.loss_at({**{n: d.at(0.9) for n, d in names.items()}}).parameters


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            {"parameters": {"focal.gamma": {"low": -1, "high": 2}}},
            r"focal.gamma must lie in \[0, inf\), but got -1",
        ),
        ({"parameters": {"gce.q": {"high": 1.5}}}, r"gce.q must lie in \[0, 1\], but got 1.5"),
        ({"parameters": {"gce.q": 2}}, "gce.q must lie in"),
        ({"parameters": {"focal.gamma": {"low": 3, "high": 2}}}, "low <= high must hold"),
        ({"parameters": {"focal.gama": 1}}, "did you mean focal.gamma"),
        ({"parameters": {"recipe.learning_rate": {"low": 0, "high": 1, "log": True}}}, "must start above 0"),
        ({"parameters": {"focal.gamma": "high"}}, "must be a number or a mapping"),
        ({"switches": {"focal": 2}}, "must be a probability between 0 and 1"),
        ({"switches": {"focl": 0.5}}, "did you mean focal"),
        ({"preset": "multiclas"}, "did you mean multiclass"),
        ({"presets": "multiclass"}, "did you mean preset"),
        ("outliers", "unknown space for multiclass"),
    ],
)
def test_a_spec_that_asks_for_what_is_not_there_is_refused(document: Any, words: str) -> None:
    """Widening past a mathematical domain, unknown names, wrong types: one line each."""
    with pytest.raises(UserError, match=words):
        space_from(document, "multiclass")


def test_a_space_without_any_term_is_refused() -> None:
    """Every term switched off leaves nothing to train with."""
    terms = [
        n
        for n in presets()["noisy-labels"]["parts"]
        if f"mix.{n}" in preset("noisy-labels", "multiclass").domains
    ]
    with pytest.raises(UserError, match="at least one term"):
        space_from({"preset": "noisy-labels", "switches": dict.fromkeys(terms, 0)}, "multiclass")
