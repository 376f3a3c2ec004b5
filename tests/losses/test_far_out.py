"""Losses far out: at residuals up to the end of float32, and second derivatives everywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lossmith.losses import Part, freeze, parts_for, standard_specs
from lossmith.losses.checks.subject import Subject, corners, of_part
from lossmith.losses.kinds import KINDS

SIZES = [10.0**power for power in range(10, 39)] + [3e38]
RESIDUALS = torch.tensor([sign * size for size in SIZES for sign in (1, -1)])
LARGEST = torch.finfo(torch.float32).max
TERMS = [part for part in parts_for("regression").values() if part.stage == "term"]


def value_and_slope(part: Part, residuals: Tensor, numbers: dict[str, float]) -> tuple[Tensor, Tensor]:
    """The loss of each residual and its slope."""
    leaf = residuals.clone().requires_grad_()
    variance = (torch.zeros_like(leaf),) if part.name == "gaussian_nll" else ()
    value = part.function(leaf, *variance, **numbers)
    (slope,) = torch.autograd.grad(value.sum(), leaf)
    return value.detach(), slope


@pytest.mark.parametrize("part", TERMS, ids=lambda part: part.name)
def test_far_out_float32_is_float64_rounded(part: Part) -> None:
    """From 1e10 to 3e38 value and slope are what float64 says, infinite only where that is beyond float32.

    Within 1e-4: an exponential of 60, as of ln 1e26, has lost two of float32's seven digits.
    """
    subject = of_part(part, "regression")
    for corner in [{}, *corners(subject)]:
        numbers = {p.name: corner.get(f"{part.name}.{p.name}", p.default) for p in part.parameters}
        single = value_and_slope(part, RESIDUALS, numbers)
        double = value_and_slope(part, RESIDUALS.double(), numbers)
        for found, wanted in zip(single, double, strict=True):
            assert not bool(wanted.isnan().any())
            beyond = wanted.abs() > LARGEST
            assert bool(found[beyond].isinf().all())
            torch.testing.assert_close(found[~beyond].double(), wanted[~beyond], rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("name", standard_specs("regression"))
def test_no_standard_loss_of_a_wild_prediction_is_nan(name: str) -> None:
    """One wild prediction must not turn a whole batch's gradient into NaN."""
    loss = freeze(standard_specs("regression")[name].bind(target_scale=1.0))
    for residual in RESIDUALS.tolist():
        outputs = torch.tensor([residual, 0.5], requires_grad=True)
        value = loss(outputs, torch.zeros(2))
        (slope,) = torch.autograd.grad(value, outputs)
        assert not bool(value.isnan())
        assert not bool(slope.isnan().any())
        assert bool(slope[1].isfinite())


def directional(slope: Callable[[Tensor], Tensor], at: Tensor, along: Tensor) -> float:
    """By how much the second derivative along a direction differs from finite differences, relatively."""
    gradient = slope(at)
    found = torch.zeros_like(at)
    if gradient.requires_grad:
        (again,) = torch.autograd.grad((gradient * along).sum(), at, allow_unused=True)
        found = found if again is None else again
    errors = []
    for step in (1e-4, 1e-5, 1e-6):
        ahead, behind = (slope((at + s * step * along).detach().requires_grad_()).detach() for s in (1, -1))
        wanted = (ahead - behind) / (2 * step)
        errors.append(float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-6)))
    return min(errors)


PARTS = [(kind, part) for kind in KINDS for part in parts_for(kind).values() if not part.frozen_factor]


@pytest.mark.parametrize(("kind", "part"), PARTS, ids=[f"{kind}-{part.name}" for kind, part in PARTS])
def test_the_second_derivative_is_that_of_the_loss(kind: str, part: Part) -> None:
    """What curvature, influence functions and Newton steps are made of, against float64 finite differences.

    Within 1e-4; bi_tempered's was off by up to 7% while its gradient was exact.
    """
    subject: Subject = of_part(part, kind)
    outputs, targets = subject.batch(seed=5)
    along = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def slope(outputs: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(subject.loss(outputs, targets, numbers), outputs, create_graph=True)
        return found

    for numbers in [{}, *corners(subject)][:8]:
        if numbers.get("scale.s", 1) > 30:
            continue  # probabilities are 0 and 1 but for a step no finite difference sees
        assert directional(slope, outputs.clone().requires_grad_(), along) < 1e-4
