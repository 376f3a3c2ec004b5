"""Every term against a formula written down independently, or against torch's own."""

# ruff: noqa: E501, PLW0108  (one case a line; each is computed when it is tested)

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from lossmith.losses import Kind, LossSpec, freeze, standard_specs
from lossmith.losses.checks.probe_batches import TARGET_SCALE, random_batch
from lossmith.losses.kinds import kind_named

Array = np.ndarray[Any, np.dtype[np.float64]]
Z, T = random_batch("multiclass", 20, seed=5)
B, Y = random_batch("binary", 20, seed=5)
M, L = random_batch("multilabel", 20, seed=5)
R, S = random_batch("regression", 20, seed=5)
r = ((R - S) / TARGET_SCALE).numpy()
z, t, n = Z.numpy(), T.numpy(), np.array(kind_named("multiclass").probe_counts, dtype=float)
b, y = B.numpy(), Y.numpy()
rows = np.arange(len(t))
onehot = np.eye(5)[t]
prior = n / n.sum()


def softmax(logits: Array) -> Array:
    """Row by row."""
    e = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def ce(logits: Array) -> Array:
    """Cross entropy per sample."""
    return np.asarray(-np.log(softmax(logits)[rows, t]))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return np.asarray(1 / (1 + np.exp(-x)))


p, P = softmax(z)[rows, t], softmax(z)
q = sigmoid(b)  # of a yes
right = np.where(y == 1, q, 1 - q)
margins = (n.min() / n) ** 0.25


def bi_tempered(t1: float, t2: float) -> Array:
    """With the normalising constant from a root finder."""

    def exp_t(x: Array, t: float) -> Array:
        return np.asarray(np.exp(x) if t == 1 else np.maximum(1 + (1 - t) * x, 0) ** (1 / (1 - t)))

    def log_t(x: Array, t: float) -> Array:
        return np.asarray(np.log(x) if t == 1 else (x ** (1 - t) - 1) / (1 - t))

    found = []
    for row, target in zip(z, t, strict=True):
        centre = brentq(lambda c: exp_t(row - c, t2).sum() - 1, row.max(), row.max() + 1e4, xtol=1e-13)  # noqa: B023
        probability = exp_t(row - centre, t2)
        truth = np.eye(5)[target]
        power = (truth ** (2 - t1) - probability ** (2 - t1)) / (2 - t1)
        found.append(
            (truth * (log_t(np.maximum(truth, 1e-300), t1) - log_t(probability, t1)))[target] - power.sum()
        )
    return np.array(found)


def asl(gamma_pos: float, gamma_neg: float, shift: float) -> Array:
    """As in the paper's appendix."""
    p_m = np.maximum(q - shift, 0)
    return np.where(y == 1, -((1 - q) ** gamma_pos) * np.log(q), -(p_m**gamma_neg) * np.log(1 - p_m))


def average_precision(scores: Array, truth: Array) -> float:
    """By sorting."""
    order = np.argsort(-scores)
    hits = truth[order]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1) * hits).sum() / hits.sum())


def barron(alpha: float, c: float) -> Array:
    """The paper's eq. 8, times c^2."""
    x = (r / c) ** 2
    k = abs(alpha - 2)
    return np.asarray(
        c**2 * (np.log(x / 2 + 1) if alpha == 0 else k / alpha * ((x / k + 1) ** (alpha / 2) - 1))
    )


def weighted(weight: Array, loss: Array) -> float:
    """The weighted mean."""
    return float((weight * loss).sum() / weight.sum())


SQRT = math.sqrt(1 + 0.3**2)
CASES: dict[str, tuple[Kind, dict[str, float], Callable[[], Any]]] = {
    "scale": ("multiclass", {"scale.s": 0.7}, lambda: ce(0.7 * z).mean()),
    "vector_scaling": ("multiclass", {"vector_scaling.gamma": 0.3}, lambda: ce((n / n.max()) ** 0.3 * z).mean()),
    "logit_adjustment": ("multiclass", {"logit_adjustment.tau": 1.3}, lambda: ce(z + 1.3 * np.log(prior)).mean()),
    "margin": ("multiclass", {"margin.m": 0.35}, lambda: ce(z - 0.35 * onehot).mean()),
    "ldam": ("multiclass", {"ldam.max_m": 0.4}, lambda: ce(z - 0.4 * margins * onehot).mean()),
    "label_smoothing": ("multiclass", {"label_smoothing.epsilon": 0.2},
        lambda: F.cross_entropy(Z, T, label_smoothing=0.2)),
    "confidence_penalty": ("multiclass", {"confidence_penalty.beta": 0.3},
        lambda: (ce(z) + 0.3 * (P * np.log(P)).sum(1)).mean()),
    "cross_entropy": ("multiclass", {}, lambda: F.cross_entropy(Z, T)),
    "focal": ("multiclass", {"focal.gamma": 1.7}, lambda: (-((1 - p) ** 1.7) * np.log(p)).mean()),
    "gce": ("multiclass", {"mix.gce": 1, "gce.q": 0.7}, lambda: ((1 - p**0.7) / 0.7).mean()),
    "forward": ("multiclass", {"mix.forward": 1, "forward.floor": 0.1},
        lambda: -np.log((p + 0.1) / 1.1).mean()),
    "mae": ("multiclass", {"mix.mae": 1}, lambda: np.abs(onehot - P).sum(1).mean() / 2),
    "normalised_ce": ("multiclass", {"mix.normalised_ce": 1},
        lambda: (-np.log(p) / -np.log(P).sum(1)).mean()),
    "poly1": ("multiclass", {"mix.poly1": 1, "poly1.epsilon": -0.6}, lambda: (ce(z) - 0.6 * (1 - p)).mean()),
    "search_softmax": ("multiclass", {"mix.search_softmax": 1, "search_softmax.b": 3},
        lambda: -np.log(p / (-3 * p + 1 + 3)).mean()),
    "brier": ("multiclass", {"mix.brier": 1}, lambda: ((P - onehot) ** 2).sum(1).mean()),
    "multi_margin": ("multiclass", {"mix.multi_margin": 1, "multi_margin.margin": 0.8},
        lambda: F.multi_margin_loss(Z, T, margin=0.8)),
    "multi_margin_squared": ("multiclass", {"mix.multi_margin_squared": 1, "multi_margin_squared.margin": 0.8},
        lambda: F.multi_margin_loss(Z, T, margin=0.8, p=2)),
    "bi_tempered": ("multiclass", {"mix.bi_tempered": 1, "bi_tempered.t1": 0.6, "bi_tempered.t2": 2.5},
        lambda: bi_tempered(0.6, 2.5).mean()),
    "taylor": ("multiclass", {"mix.taylor": 1, "taylor.x0": 0.2, "taylor.y0": -0.3, "taylor.c1": 1.1,
        "taylor.c2": -0.7, "taylor.c3": 0.5, "taylor.c4": 2.0, "taylor.c5": -1.5, "taylor.c6": 0.9},
        lambda: -np.mean([1.1 * v - 0.7 * v**2 / 2 + 0.5 * v**3 / 6 + 2 * u * v - 1.5 * u * v**2 / 2 + 0.9 * u**2 * v / 2
            for u, v in zip((onehot - 0.2).ravel(), (P + 0.3).ravel(), strict=True)])),
    "class_balanced": ("multiclass", {"class_balanced.beta": 0.98},
        lambda: F.cross_entropy(Z, T, weight=torch.tensor((1 - 0.98) / (1 - 0.98**n)))),
    "power_weight": ("multiclass", {"power_weight.rho": 0.5}, lambda: F.cross_entropy(Z, T, weight=torch.tensor(n**-0.5))),
    "tversky of classes": ("multiclass", {"mix.tversky": 1, "tversky.alpha": 0.3, "tversky.beta": 0.7},
        lambda: 1 - np.mean([(P * onehot)[:, k].sum() / ((P * onehot)[:, k].sum() + 0.3 * (P * (1 - onehot))[:, k].sum()
            + 0.7 * ((1 - P) * onehot)[:, k].sum()) for k in range(5)])),
    "bce": ("binary", {}, lambda: F.binary_cross_entropy_with_logits(B, Y)),
    "pos_weight": ("binary", {"pos_weight.weight": 2.5},
        lambda: F.binary_cross_entropy_with_logits(B, Y, pos_weight=torch.tensor(2.5))),
    "binary label_smoothing": ("binary", {"label_smoothing.epsilon": 0.2},
        lambda: F.binary_cross_entropy_with_logits(B, 0.8 * Y + 0.1)),
    "binary confidence_penalty": ("binary", {"confidence_penalty.beta": 0.2},
        lambda: (-np.log(right) + 0.2 * (q * np.log(q) + (1 - q) * np.log(1 - q))).mean()),
    "asymmetric": ("binary", {"mix.asymmetric": 1, "asymmetric.gamma_pos": 0.5, "asymmetric.gamma_neg": 3,
        "asymmetric.shift": 0.15}, lambda: asl(0.5, 3, 0.15).mean()),
    "hinge": ("binary", {"mix.hinge": 1, "hinge.margin": 0.6}, lambda: np.maximum(0, 0.6 - b * (2 * y - 1)).mean()),
    "squared_hinge": ("binary", {"mix.squared_hinge": 1, "squared_hinge.margin": 0.6},
        lambda: (np.maximum(0, 0.6 - b * (2 * y - 1)) ** 2).mean()),
    "tversky": ("binary", {"mix.tversky": 1, "tversky.alpha": 0.5, "tversky.beta": 0.5},
        lambda: 1 - 2 * (q * y).sum() / (q.sum() + y.sum())),
    "smooth_ap": ("binary", {"mix.smooth_ap": 1, "smooth_ap.temperature": 1e-6}, lambda: 1 - average_precision(q, y)),
    "recall_at": ("binary", {"mix.recall_at": 1, "recall_at.fraction": 0.25, "recall_at.temperature": 1e-6},
        lambda: 1 - sum(
            y[i] * sigmoid(np.array(5 + 0.5 - 1 - (q > q[i]).sum())) for i in range(20)) / y.sum()),
    "auc_margin": ("binary", {"mix.auc_margin": 1, "auc_margin.margin": 0.9},
        lambda: q[y == 1].var() + q[y == 0].var() + max(0, 0.9 - q[y == 1].mean() + q[y == 0].mean()) ** 2),
    "multilabel bce": ("multilabel", {}, lambda: F.binary_cross_entropy_with_logits(M, L)),
    "multilabel smooth_ap": ("multilabel", {"mix.smooth_ap": 1, "smooth_ap.temperature": 1e-6},
        lambda: 1 - np.mean([average_precision(M[:, i].numpy(), L[:, i].numpy()) for i in range(3)])),
    "mse": ("regression", {}, lambda: (r**2).mean()),
    "absolute": ("regression", {"mix.absolute": 1}, lambda: np.abs(r).mean()),
    "huber": ("regression", {"mix.huber": 1, "huber.delta": 0.7},
        lambda: F.huber_loss(torch.tensor(r), torch.zeros(20), delta=0.7)),
    "log_cosh": ("regression", {"mix.log_cosh": 1}, lambda: np.log(np.cosh(r)).mean()),
    "epsilon_insensitive": ("regression", {"mix.epsilon_insensitive": 1, "epsilon_insensitive.epsilon": 0.3},
        lambda: np.maximum(0, np.abs(r) - 0.3).mean()),
    "quantile": ("regression", {"mix.quantile": 1, "quantile.tau": 0.8},
        lambda: np.where(-r >= 0, 0.8 * -r, (0.8 - 1) * -r).mean()),
    "expectile": ("regression", {"mix.expectile": 1, "expectile.tau": 0.8},
        lambda: (np.where(r < 0, 0.8, 0.2) * r**2).mean()),
    "power": ("regression", {"mix.power": 1, "power.p": 1.4}, lambda: (np.abs(r) ** 1.4).mean()),
    "linex": ("regression", {"mix.linex": 1, "linex.a": -0.8},
        lambda: (2 / 0.64 * (np.exp(-0.8 * r) + 0.8 * r - 1)).mean()),
    "barron": ("regression", {"mix.barron": 1, "barron.alpha": -1.3, "barron.c": 0.6}, lambda: barron(-1.3, 0.6).mean()),
    "cauchy": ("regression", {"mix.barron": 1, "barron.alpha": 0, "barron.c": 0.6}, lambda: barron(0, 0.6).mean()),
    "charbonnier": ("regression", {"mix.barron": 1, "barron.alpha": 1, "barron.c": 0.3},
        lambda: (0.09 * (np.sqrt((r / 0.3) ** 2 + 1) - 1)).mean()),
    "welsch": ("regression", {"mix.welsch": 1, "welsch.c": 0.6}, lambda: (0.36 * (1 - np.exp(-((r / 0.6) ** 2) / 2))).mean()),
    "tilted": ("regression", {"tilted.t": -1.7}, lambda: np.log(np.exp(-1.7 * r**2).mean()) / -1.7),
    "tilted far": ("regression", {"tilted.t": 4}, lambda: np.log(np.exp(4 * r**2).mean()) / 4),
    "cvar": ("regression", {"cvar.fraction": 0.25}, lambda: np.sort(r**2)[-5:].mean()),
    "trimmed": ("regression", {"trimmed.share": 0.25}, lambda: np.sort(r**2)[:-5].mean()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_part_is_its_formula(name: str) -> None:
    """Equal to 1e-6 on random outputs, in float64."""
    kind, parameters, reference = CASES[name]
    whole = (
        parameters
        if any(k.startswith("mix.") for k in parameters)
        else {("mix.mse" if kind == "regression" else "mix.cross_entropy"): 1, **parameters}
    )
    counts = kind_named(kind).probe_counts
    spec = LossSpec(kind, whole).bind(counts, TARGET_SCALE if kind == "regression" else None)
    outputs, targets = {"multiclass": (Z, T), "binary": (B, Y), "multilabel": (M, L), "regression": (R, S)}[
        kind
    ]
    assert float(freeze(spec)(outputs, targets)) == pytest.approx(float(reference()), rel=1e-6, abs=1e-6)


def test_arcface_and_cosface_are_their_formulas() -> None:
    """On cosines: s cos(theta + .5) and s (cos theta - .35) at the true class."""
    cosines = torch.tanh(Z)
    theta = np.arccos(cosines.numpy())
    for parameters, logit in (
        ({"angular.m1": 1.0, "angular.m2": 0.5, "angular.m3": 0.0}, np.cos(theta + 0.5 * onehot)),
        ({"angular.m1": 1.0, "angular.m2": 0.0, "angular.m3": 0.35}, np.cos(theta) - 0.35 * onehot),
    ):
        inside = (theta + 0.5 * onehot < np.pi).all(1)
        loss = freeze(LossSpec("multiclass", {"mix.cross_entropy": 1, "scale.s": 16, **parameters}))
        got = loss(cosines[inside], T[inside])
        assert float(got) == pytest.approx(
            float(F.cross_entropy(torch.tensor(16 * logit)[inside], T[inside])), rel=1e-6
        )


def test_gaussian_nll_is_torchs_where_a_variance_is_predicted() -> None:
    """beta 0 is GaussianNLLLoss; beta 1 gives the mean the gradient of half the squared error."""
    log_v = torch.linspace(-2, 2, len(R), dtype=torch.float64)
    outputs = torch.stack([R, log_v], -1).requires_grad_()
    for beta in (0.0, 1.0):
        spec = LossSpec("regression", {"mix.gaussian_nll": 1, "gaussian_nll.beta": beta}).bind(
            target_scale=1.0
        )
        value = freeze(spec)(outputs, S)
        (gradient,) = torch.autograd.grad(value, outputs)
        if beta == 0:
            torch.testing.assert_close(value, F.gaussian_nll_loss(R, S, log_v.exp()))
        else:
            torch.testing.assert_close(gradient[:, 0], (R - S) / len(R))


def test_every_part_has_a_reference() -> None:
    """No term, transform or reduction is left without an independent formula."""
    from lossmith.losses import parts

    used = {name.partition(".")[2] if name.startswith("mix.") else name.partition(".")[0]
            for _, parameters, _ in CASES.values() for name in parameters}  # fmt: skip
    own = {name for name in parts() if name.startswith("own_")}
    assert set(parts()) - own - used == {"cross_entropy", "mse", "angular", "gaussian_nll"}  # tested above


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_multiclass_focal_at_two_classes_is_binary_focal(gamma: float) -> None:
    """Softmax over (0, z) is the sigmoid of z."""
    two = torch.stack([torch.zeros_like(B), B], 1)
    one = freeze(LossSpec("binary", {"mix.cross_entropy": 1, "focal.gamma": gamma}))(B, Y)
    other = freeze(LossSpec("multiclass", {"mix.cross_entropy": 1, "focal.gamma": gamma}))(two, Y.long())
    torch.testing.assert_close(one, other)


NAMED: dict[Kind, set[str]] = {
    "multiclass": {"cross_entropy", "label_smoothing", "focal", "poly1", "gce", "sce", "nce_rce", "bi_tempered", "mae",
        "logit_adjustment", "balanced_softmax", "ldam", "class_balanced", "inverse_frequency", "hinge"},
    "binary": {"bce", "weighted_bce", "focal", "asl", "hinge", "squared_hinge", "soft_f1", "smooth_ap"},
    "multilabel": {"bce", "weighted_bce", "focal", "asl", "hinge", "squared_hinge", "soft_f1", "smooth_ap"},
    "regression": {"mse", "mae", "huber", "log_cosh", "smooth_l1", "quantile", "charbonnier", "cauchy", "welsch",
        "geman_mcclure"},
}  # fmt: skip


@pytest.mark.parametrize("kind", NAMED)
def test_the_standard_losses_people_know_are_there(kind: Kind) -> None:
    """By name, for each kind of problem."""
    assert set(standard_specs(kind)) == NAMED[kind]


def tensor(values: Array) -> Tensor:
    """As float64."""
    return torch.tensor(values)
