"""Barron's general robust loss."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import Number, Parameter, Part, Standard
from ...numerics import number_like, relative_expm1


def barron(residual: Tensor, *, alpha: Number, c: Number) -> Tensor:
    """c^2 (b/alpha) (((r/c)^2/b + 1)^(alpha/2) - 1), b = |alpha - 2|, per sample.

    c^2 times the paper's, so that it is r^2/2 for small errors whatever c is. Through log1p and expm1
    there is no singularity at alpha = 0, and at alpha = 2 the value does not depend on b. Far out, where a
    square would overflow, the logarithm is taken of the residual itself, and the power where it is large.

    Args:
        residual: (N,) or (N, D), prediction minus target, in units of the targets' spread.
        alpha: At most 2; 2 squared, 1 Charbonnier, 0 Cauchy, -2 Geman-McClure.
        c: Above 0; where errors begin to count as large, in units of the target's spread.
    """
    b = number_like(2 - alpha, residual).clamp(min=1e-6)
    size, unit = residual.abs(), c * torch.sqrt(b)
    far = ~(size < 1e8 * unit)  # 1 is lost beside (size / unit)^2
    ratio = torch.log(torch.where(far, size, 1)) - torch.log(unit)
    u = torch.where(far, 2 * ratio, torch.log1p((torch.where(far, 0, residual) / c).square() / b))
    exponent = alpha / 2 * u
    body = c**2 * b / 2 * u * relative_expm1(exponent.clamp(max=30))
    above = exponent > 30  # and 1 is lost beside its exponential
    half = number_like(alpha, residual).clamp(min=1e-6) / 2
    power = torch.where(above, size, 1) ** half
    return torch.where(above, unit ** (2 - 2 * half) / (2 * half) * power * power, body)


def _same_as(alpha: float, c: float) -> dict[str, float] | None:  # noqa: ARG001
    """Half of the squared error at alpha = 2, whatever c is."""
    return {"mix.mse": 0.5} if alpha == 2 else None


SCALE = Parameter(
    "c",
    default=1,
    search=(0.01, 10),
    domain=(0, float("inf")),
    open_low=True,
    log=True,
    about="where errors begin to count as large, in units of the target's spread",
)
PART = Part(
    name="barron",
    stage="term",
    kinds=("regression",),
    function=barron,
    formula="barron(r; {alpha}, {c})",
    latex=r"B_{{{alpha}, {c}}}(r)",
    source="Barron 2019, A General and Adaptive Robust Loss Function, eq. 8",
    parameters=(
        Parameter(
            "alpha",
            default=1,
            search=(-4, 2),
            domain=(float("-inf"), 2),
            about="2 squared, 1 Charbonnier, 0 Cauchy, -2 Geman-McClure",
        ),
        SCALE,
    ),
    standards={
        "charbonnier": Standard({"barron.alpha": 1, "barron.c": 1}),
        "cauchy": Standard({"barron.alpha": 0, "barron.c": 1}),
        "geman_mcclure": Standard({"barron.alpha": -2, "barron.c": 1}),
    },
    same_as=_same_as,
    broadcasts=True,
)
