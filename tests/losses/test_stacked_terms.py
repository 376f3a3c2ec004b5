"""What a cohort's losses are computed with is what the family says, in value and gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from lossmith.losses import LossSpec
from lossmith.losses.family.planning import plan
from lossmith.losses.family.registry import parts_for
from lossmith.losses.family.steps import inputs_of, run
from lossmith.losses.kernels import stacked_gap, stacked_terms
from lossmith.losses.kinds import KINDS
from lossmith.losses.stacked.stacked_loss import StackedLoss

MEMBERS, SAMPLES = 6, 7
FORMULAS = {name: quantity.function for name, quantity in KINDS["multiclass"].quantities.items()}
NUMBERS: dict[str, dict[str, list[float]]] = {
    "margin": {"m": [-1, 0, 0.3, 0.5, 1, 2]},
    "multi_margin": {"margin": [0.1, 0.3, 0.5, 1, 1.5, 2]},
    "bi_tempered": {"t1": [0, 0.2, 0.4, 0.8, 1, 1], "t2": [1, 1.0001, 1.2, 2, 3, 4]},
}
SIZES = [(2, 1.0), (10, 3.0), (10, 100.0), (100, 5.0), (10, 1e4)]


def logits_of(classes: int, size: float, *, turned: bool) -> tuple[Tensor, Tensor]:
    """Every member's logits and the targets that they share; the samples last in memory if `turned`."""
    draw = torch.Generator().manual_seed(classes)
    drawn = size * torch.randn(MEMBERS, SAMPLES, classes, generator=draw, dtype=torch.float64)
    logits = drawn.mT.contiguous().mT if turned else drawn
    return logits.requires_grad_(), torch.randint(classes, (SAMPLES,), generator=draw)


def same(found: Tensor, wanted: Tensor, logits: Tensor) -> None:
    """Equal within 1e-10 in float64: gradients are differences of numbers of the size of one, or less."""
    slope = torch.linspace(0.5, 1.5, wanted.numel(), dtype=wanted.dtype).view_as(wanted)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)
    (gradient,) = torch.autograd.grad(found, logits, slope, retain_graph=True)
    (expected,) = torch.autograd.grad(wanted, logits, slope, retain_graph=True)
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("turned", [False, True], ids=["classes last", "samples last"])
@pytest.mark.parametrize(("classes", "size"), SIZES)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_part_for_all_members_is_the_part(name: str, classes: int, size: float, turned: bool) -> None:  # noqa: FBT001
    """A cohort would otherwise train with another loss than the one that is reported and exported."""
    logits, targets = logits_of(classes, size, turned=turned)
    true = stacked_gap.is_target(logits, targets)
    numbers = {k: torch.tensor(v, dtype=torch.float64) for k, v in NUMBERS[name].items()}
    given = {"logits": logits, "targets": targets, "is_target": true}
    function, part = getattr(stacked_terms, name), parts_for("multiclass")[name].function
    wide = {k: v.view(-1, 1, 1) for k, v in numbers.items()}
    found = function(*(given[k] for k in inputs_of(function)), **wide)

    def one(own: Tensor, numbers: dict[str, Tensor]) -> Tensor:
        known = {**given, "logits": own, "target_logit": FORMULAS["target_logit"](own, targets)}
        return part(*(known[k] for k in inputs_of(part)), **numbers)

    same(found, vmap(one)(logits, numbers), logits)


@pytest.mark.parametrize("turned", [False, True], ids=["classes last", "samples last"])
@pytest.mark.parametrize(("classes", "size"), SIZES)
def test_the_quantities_for_all_members_are_those_of_each(classes: int, size: float, turned: bool) -> None:  # noqa: FBT001
    """Every loss is made of them: an error here would be in all losses of a cohort."""
    logits, targets = logits_of(classes, size, turned=turned)
    true = stacked_gap.is_target(logits, targets)
    assert torch.equal(true, FORMULAS["is_target"](logits[0], targets))
    own = torch.stack([FORMULAS["target_logit"](z, targets) for z in logits])
    wanted = FORMULAS["gap"](logits, true, own)
    both = stacked_gap.gap_and_lag(logits, targets, true)
    each = stacked_gap.gap_and_lag(logits, targets.expand(MEMBERS, -1), true.expand(MEMBERS, -1, -1))
    for found in (both, each):  # whether members share their data or not
        same(stacked_gap.gap(found), wanted, logits)
        same(stacked_gap.log_p_mean(found, wanted), FORMULAS["log_p_mean"](logits, own, wanted), logits)
    same(stacked_gap.entropy(logits), FORMULAS["entropy"](logits), logits)


def test_what_is_taken_block_by_block_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that were left out or taken twice would give some members another gradient.

    Within 1e-13: the last numbers of a block are not added as those before them are.
    """
    logits, targets = logits_of(10, 3.0, turned=True)
    true = stacked_gap.is_target(logits, targets)
    whole = stacked_gap.gap_and_lag(logits, targets, true)
    (slope,) = torch.autograd.grad(whole.square().sum(), logits)
    monkeypatch.setattr(stacked_gap, "AT_ONCE", 4 * SAMPLES * 10)  # four of the six members, then two
    parts = stacked_gap.gap_and_lag(logits, targets, true)
    torch.testing.assert_close(parts, whole, rtol=1e-13, atol=1e-13)
    (in_blocks,) = torch.autograd.grad(parts.square().sum(), logits)
    torch.testing.assert_close(in_blocks, slope, rtol=1e-13, atol=1e-13)


def test_a_member_that_diverges_leaves_the_others_as_they_are() -> None:
    """Its NaN would otherwise reach its neighbours' gradients through what they are computed with."""
    specs = [
        LossSpec("multiclass", {"mix.bi_tempered": 0.5, "mix.multi_margin": 0.5, "mix.cross_entropy": 1.0}),
        LossSpec("multiclass", {"mix.cross_entropy": 1.0, "confidence_penalty.beta": 0.1}),
        LossSpec("multiclass", {"mix.cross_entropy": 1.0, "label_smoothing.epsilon": 0.1, "margin.m": 0.5}),
    ]
    logits, targets = logits_of(10, 3.0, turned=True)
    three = logits.detach()[:3].clone().requires_grad_()
    loss = StackedLoss("multiclass", specs, torch.float64, [{}])
    (healthy,) = torch.autograd.grad(loss(three, targets[None]), three)
    for member in range(3):
        broken = three.detach().clone()
        broken[member, 2, 3] = torch.nan
        broken[member, 3, 4] = torch.inf
        (slope,) = torch.autograd.grad(loss(broken.requires_grad_(), targets[None]), broken)
        others = [m for m in range(3) if m != member]
        assert torch.equal(slope[others], healthy[others])


def test_a_cohorts_losses_are_the_familys() -> None:
    """Each member's gradient in a mixed cohort is that of its own loss alone, within 1e-10."""
    points = [
        {"mix.bi_tempered": 1.0, "bi_tempered.t1": 0.5, "bi_tempered.t2": 2.0, "margin.m": 0.5},
        {"mix.cross_entropy": 0.3, "mix.gce": 0.7, "focal.gamma": 1.5},
        {"mix.multi_margin": 1.0, "label_smoothing.epsilon": 0.2, "mix.poly1": 0.5},
        {"mix.normalised_ce": 1.0, "confidence_penalty.beta": 0.3, "mix.bi_tempered": 0.2},
    ]
    specs = [LossSpec("multiclass", point) for point in points]
    logits, targets = logits_of(10, 3.0, turned=True)
    four = logits.detach()[:4].clone().requires_grad_()
    (found,) = torch.autograd.grad(
        StackedLoss("multiclass", specs, torch.float64, [{}])(four, targets[None]), four
    )
    for spec, own, slope in zip(specs, four, found, strict=True):
        leaf = own.detach().clone().requires_grad_()
        values = {"outputs": leaf, "logits": leaf, "targets": targets}
        (wanted,) = torch.autograd.grad(run(plan("multiclass", spec.parts), values, spec.parameters), leaf)
        torch.testing.assert_close(slope, wanted, rtol=1e-10, atol=1e-12)
