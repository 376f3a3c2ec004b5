"""Equal losses are recognised: one hash for one loss."""

# ruff: noqa: E501  (one case a line)

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from lossmith.losses import Kind, LossSpec, UserError, freeze, parts_for, standard_spec, standard_specs
from lossmith.losses.checks.probe_batches import TARGET_SCALE, random_batch
from lossmith.losses.declarations import KINDS
from lossmith.losses.kinds import kind_named

EQUAL: list[tuple[Kind, dict[str, float], dict[str, float]]] = [
    ("multiclass", {"mix.gce": 3, "gce.q": 1}, {"mix.mae": 1}),
    ("multiclass", {"mix.gce": 1, "gce.q": 0}, {"mix.cross_entropy": 1}),
    ("multiclass", {"mix.poly1": 2, "poly1.epsilon": 3}, {"mix.cross_entropy": 2, "mix.mae": 6}),
    ("multiclass", {"mix.poly1": 1, "poly1.epsilon": -0.5, "mix.mae": 2}, {"mix.cross_entropy": 2, "mix.mae": 3}),
    ("multiclass", {"mix.poly1": 1, "poly1.epsilon": -1, "mix.cross_entropy": 1}, {"mix.poly1": 5, "poly1.epsilon": -0.5}),
    ("multiclass", {"mix.poly1": 1, "poly1.epsilon": -1, "mix.mae": 1}, {"mix.cross_entropy": 1}),
    ("multiclass", {"mix.bi_tempered": 1, "bi_tempered.t1": 1, "bi_tempered.t2": 1}, {"mix.cross_entropy": 1}),
    ("multiclass", {"mix.search_softmax": 1, "search_softmax.b": 0}, {"mix.cross_entropy": 1}),
    ("multiclass", {"mix.mae": 1, "label_smoothing.epsilon": 0.2, "scale.s": 1, "margin.m": 0}, {"mix.mae": 1}),
    ("multiclass", {"mix.cross_entropy": 1, "mix.gce": 0, "gce.q": 0.2, "tilted.t": 0}, {"mix.cross_entropy": 7}),
    ("multiclass", {"mix.tversky": 1, "focal.gamma": 2, "cvar.fraction": 0.5}, {"mix.tversky": 1}),
    ("binary", {"mix.asymmetric": 1, "asymmetric.gamma_pos": 2, "asymmetric.gamma_neg": 2, "asymmetric.shift": 0},
        {"mix.cross_entropy": 1, "focal.gamma": 2}),
    ("binary", {"mix.cross_entropy": 1, "pos_weight.weight": 1}, {"mix.cross_entropy": 1}),
    ("regression", {"mix.quantile": 1, "quantile.tau": 0.5, "mix.absolute": 1}, {"mix.absolute": 1}),
    ("regression", {"mix.expectile": 2, "expectile.tau": 0.5, "mix.absolute": 1}, {"mix.mse": 1, "mix.absolute": 1}),
    ("regression", {"mix.barron": 1, "barron.alpha": 2, "barron.c": 5}, {"mix.mse": 1}),
    ("regression", {"mix.power": 1, "power.p": 2, "mix.linex": 1, "linex.a": 0}, {"mix.mse": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "one", "other"), EQUAL)
def test_two_ways_of_writing_a_loss_have_one_hash(
    kind: Kind, one: dict[str, float], other: dict[str, float]
) -> None:
    """Scale, neutral parts, dead parameters and terms that are other terms are seen through."""
    assert LossSpec(kind, one).hash == LossSpec(kind, other).hash
    assert LossSpec(kind, one) == LossSpec(kind, other)


def test_a_term_that_ignores_smoothing_is_not_one_that_reads_it() -> None:
    """Beside smoothed cross entropy, generalised cross entropy at q = 0 is the plain one, and stays."""
    smoothed = {"mix.cross_entropy": 1.0, "label_smoothing.epsilon": 0.2}
    both = LossSpec("multiclass", {**smoothed, "mix.gce": 1, "gce.q": 0})
    assert both.hash != LossSpec("multiclass", smoothed).hash
    assert "mix.gce" in both.parameters


@st.composite
def parameters(draw: st.DrawFn, kind: Kind) -> dict[str, float]:
    """A random loss: some terms with weights, some other parts, parameters often at special values."""
    found: dict[str, float] = {}
    terms = [p for p in parts_for(kind).values() if p.stage == "term" and not p.name.startswith("own_")]
    for part in draw(st.lists(st.sampled_from(terms), min_size=1, max_size=3, unique_by=lambda p: p.name)):
        found[f"mix.{part.name}"] = draw(st.sampled_from([0.5, 1.0, 2.0, 3.5]))
    others = [p for p in parts_for(kind).values() if p.stage != "term"]
    chosen = draw(st.lists(st.sampled_from(others), max_size=2, unique_by=lambda p: p.name))
    names = {n.partition(".")[2] for n in found} | {p.name for p in chosen}
    for part in (p for p in parts_for(kind).values() if p.name in names):
        for parameter in part.parameters:
            low, high = parameter.search
            special = [v for v in (0.0, 0.5, 1.0, 2.0, low, high) if parameter.allows(v) and low <= v <= high]
            found[f"{part.name}.{parameter.name}"] = draw(st.sampled_from(special))
    return found


def batch(kind: Kind, names: Iterable[str], size: int, scale: float, seed: int) -> tuple[Tensor, Tensor]:
    """A random batch, with a predicted variance for losses that read one: without, some of them are equal."""
    outputs, targets = random_batch(kind, size, seed=seed)
    outputs = scale * outputs
    return torch.stack([outputs, outputs.flip(0)], -1) if "mix.gaussian_nll" in names else outputs, targets


def value(kind: Kind, given_parameters: dict[str, float], scale: float, seed: int) -> float:
    """The loss of a random batch of the family itself, with nothing put into canonical form."""
    from lossmith.losses.checks import Subject

    return float(Subject("", kind, given_parameters).loss(*batch(kind, given_parameters, 15, scale, seed)))


def frozen(kind: Kind, spec: LossSpec, scale: float, seed: int, size: int = 15) -> float:
    """The frozen loss of the same batch."""
    counts = kind_named(kind).probe_counts
    loss = freeze(spec.bind(counts, TARGET_SCALE if kind == "regression" else None))
    return float(loss(*batch(kind, spec.parameters, size, scale, seed)))


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_canonical_form_is_the_loss_as_given_up_to_scale(kind: Kind, data: st.DataObject) -> None:
    """On different batches, what was written and what is kept differ by one factor: so equal hash, equal loss."""
    written = data.draw(parameters(kind))
    try:
        spec = LossSpec(kind, written)
    except UserError:
        assume(False)  # noqa: FBT003  (hypothesis's way)
    if any(name.startswith("tilted.") for name in spec.parameters):
        total = sum(v for n, v in written.items() if n.startswith("mix."))
        written = {
            n: v / total if n.startswith("mix.") else v for n, v in written.items()
        }  # t goes with the scale
    pairs = [
        (value(kind, written, s, n), frozen(kind, spec, s, n)) for s, n in ((1.0, 1), (0.3, 2), (2.0, 3))
    ]
    ratios = [one / other for one, other in pairs if abs(other) > 1e-9]
    assume(len(ratios) > 1)
    # Scaled losses round differently; terms that nearly cancel (a negative Poly-1) leave fewer digits.
    assert max(ratios) - min(ratios) <= 1e-6 * max(map(abs, ratios))


@pytest.mark.parametrize("kind", KINDS)
def test_different_standard_losses_have_different_hashes_and_values(kind: Kind) -> None:
    """Two names share a hash exactly where the losses are proportional on every batch."""
    specs = standard_specs(kind)
    values = {
        name: [frozen(kind, spec, s, n) for s, n in ((1.0, 1), (0.3, 2), (2.0, 3))]
        for name, spec in specs.items()
    }
    for one, left in specs.items():
        for other, right in specs.items():
            ratios = [mine / theirs for mine, theirs in zip(values[one], values[other], strict=True)]
            proportional = max(ratios) - min(ratios) <= 1e-9 * max(ratios)
            assert (left.hash == right.hash) == proportional, (one, other)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_another_hash_is_another_loss(kind: Kind, data: st.DataObject) -> None:
    """Two random points with different hashes are not proportional on every batch, so none is trained twice."""
    try:
        one, other = (LossSpec(kind, data.draw(parameters(kind))) for _ in range(2))
    except UserError:
        assume(False)  # noqa: FBT003
    # Enough samples for a twentieth of them to be several, and errors beyond every threshold.
    pairs = [
        (frozen(kind, one, s, n, 61), frozen(kind, other, s, n, 61))
        for s, n in ((1.0, 1), (0.3, 2), (2.0, 3), (30.0, 4))
    ]
    # What is zero everywhere (a Taylor loss without coefficients) is proportional to everything.
    assume(all(min(abs(left), abs(right)) > 1e-9 for left, right in pairs))
    ratios = [left / right for left, right in pairs]
    proportional = max(ratios) - min(ratios) <= 1e-9 * max(map(abs, ratios))
    assert (one.hash == other.hash) == proportional


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_canonical_form_is_stable(kind: Kind, data: st.DataObject) -> None:
    """Put into canonical form again, read from its document or hashed again, a loss is the same."""
    try:
        spec = LossSpec(kind, data.draw(parameters(kind)))
    except UserError:
        assume(False)  # noqa: FBT003
    again = LossSpec(kind, spec.parameters)
    assert again == spec
    assert list(again.parameters) == list(spec.parameters)
    assert LossSpec.from_json(spec.to_json()) == spec
    assert hash(again) == hash(spec)


def test_binding_does_not_change_the_hash() -> None:
    """The constants of the data are not part of what a loss is."""
    spec = standard_spec("ldam", "multiclass")
    assert spec.bind([5, 3, 1]).hash == spec.hash
    assert spec.bind([5, 3, 1]).bind(ignore_index=2).class_counts == (5, 3, 1)


def test_a_random_batch_has_every_class() -> None:
    """What the other tests rely on."""
    for kind in ("multiclass", "binary", "multilabel"):
        _, targets = random_batch(kind, 12)
        assert len(torch.unique(targets)) == (5 if kind == "multiclass" else 2)
