"""Cut-offs of decisions, tuned on held-out outputs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lossmith.losses import Kind
from lossmith.search.metrics import METRICS
from lossmith.search.metrics.cutoffs import cross_fitted, shifted, tuned_offsets

MEMBERS = 3
SHAPES: dict[Kind, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "binary": ((), ()),
    "multiclass": ((4,), ()),
    "multilabel": ((3,), (3,)),
}
CASES = [(m.name, kind) for m in METRICS.values() if m.of_decisions for kind in m.kinds]
case = pytest.mark.parametrize(("name", "kind"), CASES)


def drawn(kind: Kind, samples: int = 80, signal: float = 2.0) -> tuple[Tensor, Tensor]:
    """Outputs (MEMBERS, samples, ...) that know something of rare targets, but whose cut-off is far off."""
    outputs, targets = SHAPES[kind]
    draw = torch.Generator().manual_seed(3)
    noise = torch.randn(MEMBERS, samples, *outputs, generator=draw)
    if kind == "multiclass":
        truth = (torch.rand(samples, generator=draw) ** 3 * 4).long()
        return noise + signal * torch.eye(4)[truth] + torch.tensor([4.0, 0.0, -2.0, -4.0]), truth
    truth = (torch.rand(samples, *targets, generator=draw) < 0.2).float()
    return noise + signal * truth - 3, truth


@case
def test_tuned_offsets_never_lose_and_mostly_gain(name: str, kind: Kind) -> None:
    """On the samples they are tuned on, no member scores less, and the members together score more."""
    metric, (outputs, targets) = METRICS[name], drawn(kind)
    offsets = tuned_offsets(metric, kind, outputs, targets)
    before, after = metric(outputs, targets), metric(shifted(outputs, offsets), targets)
    assert (after >= before).all()
    assert after.sum() > before.sum()


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1", "accuracy", "macro_f1"])
def test_the_threshold_is_the_best_there_is(name: str) -> None:
    """With few samples every cut between two neighbours is tried: no threshold scores more."""
    metric, (outputs, targets) = METRICS[name], drawn("binary", 40)
    found = metric(shifted(outputs, tuned_offsets(metric, "binary", outputs, targets)), targets)
    every = torch.stack([metric(outputs - cut, targets) for cut in outputs.flatten().unique() + 1e-4])
    assert torch.equal(found, torch.maximum(every.amax(0), metric(outputs, targets)))


@case
def test_members_are_tuned_by_themselves(name: str, kind: Kind) -> None:
    """A member's offsets are those it gets alone."""
    metric, (outputs, targets) = METRICS[name], drawn(kind)
    together = tuned_offsets(metric, kind, outputs, targets)
    alone = torch.cat([tuned_offsets(metric, kind, one[None], targets) for one in outputs])
    torch.testing.assert_close(together, alone)


def test_a_metric_that_cannot_gain_moves_nothing() -> None:
    """Where the cut-off is right already, offsets are 0."""
    targets = (torch.arange(30) % 3 == 0).float()
    offsets = tuned_offsets(METRICS["f1"], "binary", (targets * 4 - 2)[None], targets)
    assert offsets.tolist() == [[0.0]]


def test_a_cross_fitted_cut_off_finds_nothing_in_noise() -> None:
    """Tuned on the samples it is measured on, noise seems to know something; cross-fitted it does not."""
    metric, (outputs, targets) = METRICS["balanced_accuracy"], drawn("binary", 400, signal=0)
    tuned = metric(shifted(outputs, tuned_offsets(metric, "binary", outputs, targets)), targets)
    honest = metric(cross_fitted(metric, "binary", outputs, targets), targets)
    assert tuned.mean() > 0.54
    assert abs(float(honest.mean()) - 0.5) < 0.03


@pytest.mark.parametrize("kind", SHAPES)
def test_a_cross_fitted_cut_off_gains_where_there_is_something(kind: Kind) -> None:
    """Outputs that rank well and cut badly score more once their cut-off is tuned on other samples."""
    metric, (outputs, targets) = METRICS["macro_f1"], drawn(kind, 400)
    made = cross_fitted(metric, kind, outputs, targets)
    assert made.shape == outputs.shape
    assert metric(made, targets).mean() > metric(outputs, targets).mean() + 0.05
