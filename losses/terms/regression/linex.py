"""LINEX loss."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import Number, Parameter, Part
from ...numerics import number_like


def linex(residual: Tensor, *, a: Number) -> Tensor:
    """2 (exp(a r) - a r - 1) / a^2 per sample: r^2 at a = 0; a > 0 punishes predictions that are too high.

    Beyond a r = 30 the exponential is continued as a line, so that a wild prediction stays finite.

    Args:
        residual: (N,) or (N, D), prediction minus target, in units of the targets' spread.
        a: In [-20, 20]; how lopsided; 0 is the squared error.
    """
    x = a * residual
    inner = x.clamp(max=30)
    tilt = number_like(a, x)
    tilt = torch.where(tilt == 0, 1, tilt)
    # (exp(x) - x - 1) / x^2, through a series where the quotient is 0/0.
    small = inner.abs() < 0.1
    inside, outside = torch.where(small, inner, 0), torch.where(small, 1, inner)
    series = 1 + inside / 3 * (
        1 + inside / 4 * (1 + inside / 5 * (1 + inside / 6 * (1 + inside / 7 * (1 + inside / 8))))
    )
    parabola = series * torch.where(small, residual, 0).square()
    reach = torch.where(x > 30, 30 / tilt, residual)
    curve = (torch.expm1(outside) / tilt - reach) * (2 / tilt)
    line = 21372949163046.926 / tilt * ((x - 30).clamp(min=0) / tilt)  # 2 (exp(30) - 1)
    return torch.where(small, parabola, curve) + line


def _same_as(a: float) -> dict[str, float] | None:
    """The squared error at 0."""
    return {"mix.mse": 1.0} if a == 0 else None


PART = Part(
    name="linex",
    stage="term",
    kinds=("regression",),
    function=linex,
    formula="2 (exp({a} r) - {a} r - 1)/{a}^2",
    latex=r"\tfrac{{2}}{{{a}^2}}\left(e^{{{a} r}} - {a} r - 1\right)",
    source="Varian 1975; Zellner 1986, Bayesian Estimation Using Asymmetric Loss Functions",
    parameters=(
        Parameter(
            "a", default=1, search=(-3, 3), domain=(-20, 20), about="how lopsided; 0 is the squared error"
        ),
    ),
    same_as=_same_as,
    broadcasts=True,
)
