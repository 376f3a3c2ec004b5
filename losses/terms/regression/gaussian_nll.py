"""Likelihood of a normal distribution whose variance is predicted too."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import Number, Parameter, Part


def gaussian_nll(residual: Tensor, log_variance: Tensor, *, beta: Number) -> Tensor:
    """(ln v + r^2 / v) v'^beta / 2 per sample; v is the predicted variance, v' the same without gradient.

    beta = 0 is the negative log-likelihood, beta = 1 gives the mean the gradient of the squared error.
    ln v is kept within -20 and 20; without a predicted variance (see `log_variance`) v is 1.

    Args:
        residual: (N,) or (N, D), prediction minus target, in units of the targets' spread.
        log_variance: Of the shape of `residual`, ln of the predicted variance.
        beta: In [0, 1]; how much the variance is kept from excusing large errors.
    """
    log_v = log_variance.clamp(-20, 20)
    nll = (log_v + residual * residual * torch.exp(-log_v)) / 2
    return nll * torch.exp(beta * log_v.detach())


PART = Part(
    name="gaussian_nll",
    stage="term",
    kinds=("regression",),
    function=gaussian_nll,
    formula="(ln v + r^2/v) [v]^{beta}/2",
    latex=r"\tfrac12\left(\ln v + r^2/v\right)\lfloor v \rfloor^{{{beta}}}",
    source="Nix and Weigend 1994; Seitzer et al. 2022, On the Pitfalls of Heteroscedastic Uncertainty, eq. 4",
    parameters=(
        Parameter(
            "beta",
            default=0.5,
            search=(0, 1),
            domain=(0, 1),
            neutral=0,
            about="how much the variance is kept from excusing large errors",
        ),
    ),
    frozen_factor=True,
    broadcasts=True,
)
