"""Quantile loss."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import Number, Parameter, Part, Standard


def quantile(residual: Tensor, *, tau: Number) -> Tensor:
    """max((tau - 1) d, tau d) per sample, d = -r: on average minimal at the tau-quantile.

    Args:
        residual: (N,) or (N, D), prediction minus target, in units of the targets' spread.
        tau: In [0, 1]; which quantile is predicted.
    """
    return torch.maximum((1 - tau) * residual, -tau * residual)


def _same_as(tau: float) -> dict[str, float] | None:
    """Half of the absolute error at 1/2."""
    return {"mix.absolute": 0.5} if tau == 0.5 else None


PART = Part(
    name="quantile",
    stage="term",
    kinds=("regression",),
    function=quantile,
    formula="quantile(r; {tau})",
    latex=r"\rho_{{{tau}}}(r)",
    source="Koenker and Bassett 1978, Regression Quantiles",
    parameters=(
        Parameter(
            "tau", default=0.5, search=(0.05, 0.95), domain=(0, 1), about="which quantile is predicted"
        ),
    ),
    standards={"quantile": Standard({"quantile.tau": 0.5})},
    same_as=_same_as,
    broadcasts=True,
)
