"""Formulas that lose digits in their textbook form keep them, over forty orders of magnitude."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lossmith.losses.numerics import (
    log1m_exp,
    number_like,
    ranked_before,
    relative_expm1,
    relative_log1p,
)

SIZES = st.floats(-20, 1.5).map(lambda e: 10.0**e)  # 1e-20 to 32
EITHER = st.tuples(SIZES, st.sampled_from([-1.0, 1.0])).map(lambda pair: pair[0] * pair[1])


def exactly(formula: Callable[[Decimal], Decimal], x: float) -> float:
    """A formula with 60 digits."""
    with localcontext() as context:
        context.prec = 60
        return float(formula(Decimal(x)))


def close(found: Tensor, wanted: float, digits: float = 1e-13) -> None:
    """Equal but for rounding: `digits` relative to the number itself."""
    torch.testing.assert_close(float(found), wanted, rtol=digits, atol=0.0)


@given(EITHER)
@settings(max_examples=200, deadline=None)
def test_relative_expm1_has_its_digits(x: float) -> None:
    """(e^x - 1)/x at any size, and its derivative (e^x (x - 1) + 1)/x^2 where the textbook form is 0/0."""
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = relative_expm1(leaf)
    close(value.detach(), exactly(lambda d: (d.exp() - 1) / d, x))
    (slope,) = torch.autograd.grad(value, leaf)
    # The polynomial has four terms: its derivative holds ten digits up to |x| = 1e-3, the quotient loses six.
    close(slope, exactly(lambda d: (d.exp() * (d - 1) + 1) / d**2, x), 1e-9)


@given(st.one_of(SIZES, SIZES.filter(lambda x: x < 0.999).map(lambda x: -x)))
@settings(max_examples=200, deadline=None)
def test_relative_log1p_has_its_digits(x: float) -> None:
    """ln(1 + x)/x at any size above -1, and its derivative."""
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = relative_log1p(leaf)
    close(value.detach(), exactly(lambda d: (1 + d).ln() / d, x))
    (slope,) = torch.autograd.grad(value, leaf)
    close(slope, exactly(lambda d: (d / (1 + d) - (1 + d).ln()) / d**2, x), 1e-9)


@pytest.mark.parametrize("function", [relative_expm1, relative_log1p])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_at_zero_they_are_one_with_a_finite_slope(
    function: Callable[[Tensor], Tensor], dtype: torch.dtype
) -> None:
    """The removable singularity is removed: in value and slope, of the branch not taken too."""
    leaf = torch.zeros(3, dtype=dtype, requires_grad=True)
    value = function(leaf)
    (slope,) = torch.autograd.grad(value.sum(), leaf)
    assert bool((value == 1).all())
    torch.testing.assert_close(slope.abs(), torch.full_like(slope, 0.5))


@given(SIZES.map(lambda x: -x))
@settings(max_examples=200, deadline=None)
def test_log1m_exp_has_its_digits(x: float) -> None:
    """ln(1 - e^x) for x from -1e-20 to -32 within 1e-15, for it is added to; and -1/(e^-x - 1), its slope."""
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = log1m_exp(leaf)
    wanted = exactly(lambda d: (1 - d.exp()).ln(), x)
    torch.testing.assert_close(float(value.detach()), wanted, rtol=1e-15, atol=1e-15)
    (slope,) = torch.autograd.grad(value, leaf)
    expected = exactly(lambda d: -1 / ((-d).exp() - 1), x)
    torch.testing.assert_close(float(slope), expected, rtol=1e-12, atol=1e-15)


def test_log1m_exp_of_zero_is_finite() -> None:
    """Where nothing is left the logarithm is -69 and its slope finite, not minus infinity and NaN."""
    leaf = torch.zeros((), dtype=torch.float64, requires_grad=True)
    value = log1m_exp(leaf)
    (slope,) = torch.autograd.grad(value, leaf)
    close(value.detach(), exactly(lambda d: Decimal("1e-30").ln(), 0.0), 1e-12)
    assert bool(slope.isfinite())


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.floats(-3, 0).map(lambda e: 10.0**e))
def test_of_two_samples_one_is_before_the_other(values: list[float], temperature: float) -> None:
    """Shares of a pair sum to one, none is before itself, and what is not counted is before nobody."""
    p = torch.tensor(values, dtype=torch.float64).unsqueeze(1)
    counted = torch.ones_like(p)
    before = ranked_before(p, counted, temperature).squeeze(-1)
    torch.testing.assert_close(before + before.T, 1 - torch.eye(len(values), dtype=torch.float64))
    counted[0] = 0
    assert not bool(ranked_before(p, counted, temperature)[:, 0].any())


@pytest.mark.parametrize("value", [0.1, torch.tensor(0.1), torch.tensor(0.1, dtype=torch.float64)])
def test_a_number_takes_the_dtype_of_what_it_is_used_with(value: float | Tensor) -> None:
    """Floats and tensors give one 0-d tensor of the other's dtype."""
    like = torch.zeros(2, dtype=torch.float64)
    found = number_like(value, like)
    assert (found.dtype, found.shape) == (torch.float64, ())
    torch.testing.assert_close(float(found), 0.1, rtol=1e-7, atol=0.0)
