"""LINEX loss."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import Number, Parameter, Part
from ...numerics import number_like


def linex(residual: Tensor, *, a: Number) -> Tensor:
    """2 (exp(a r) - a r - 1) / a^2 per sample: r^2 at a = 0; a > 0 punishes predictions that are too high.

    Beyond a r = 30 the exponential is continued as a line, so that a wild prediction stays finite.
    """
    x = a * residual
    inner = x.clamp(max=30)
    # (exp(x) - x - 1) / x^2, through a series where the quotient is 0/0.
    small = inner.abs() < 0.1
    safe = torch.where(small, 1, inner)
    series = 1 + inner / 3 * (
        1 + inner / 4 * (1 + inner / 5 * (1 + inner / 6 * (1 + inner / 7 * (1 + inner / 8))))
    )
    curve = torch.where(small, series / 2, (torch.expm1(safe) - safe) / safe.square())
    tilt = number_like(a, x)
    beyond = (x - 30).clamp(min=0) / torch.where(tilt == 0, 1, tilt)
    within = residual - beyond
    slope = 356215819384.1154  # (exp(30) - 1) / 30
    return 2 * (curve * within.square() + slope * within * beyond)


def same_as(a: float) -> dict[str, float] | None:
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
    same_as=same_as,
    broadcasts=True,
)
