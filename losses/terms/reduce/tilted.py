"""Tilted mean."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import EVERY, Number, Parameter, Part
from ...numerics import number_like, relative_expm1, relative_log1p


def tilted(loss: Tensor, weight: Tensor, *, t: Number) -> Tensor:
    """ln(mean(exp(t loss))) / t over the batch, (): the mean at t = 0, towards the largest loss for t > 0.

    Where t times the range of the losses is below 1 it is computed around the mean, which holds at t = 0;
    elsewhere through logsumexp, which cannot overflow. Weights of zero are left out.

    Args:
        loss: (N,).
        weight: (N,), at least 0.
        t: In [-100, 100]; below 0 outliers count less, above 0 more.
    """
    total = weight.sum()
    some = total > 0
    share = torch.where(some, weight, 1) / torch.where(some, total, weight.numel())
    centre = (share * loss).sum()
    there = share > 0
    x = t * torch.where(there, loss - centre, 0)
    near = (x.abs() < 1).all()
    around = torch.where(near, x, 0)
    rise = (share * (loss - centre) * relative_expm1(around)).sum()
    tilt = number_like(t, loss)
    by_mean = centre + rise * relative_log1p(torch.where(near, tilt * rise, 0))
    safe_tilt = torch.where(near, 1, tilt)
    log_share = torch.where(there, torch.log(torch.where(there, share, 1)), -torch.inf)
    by_sum = torch.logsumexp(torch.where(near, 0, tilt) * loss + log_share, 0) / safe_tilt
    return torch.where(some, torch.where(near, by_mean, by_sum), 0)


PART = Part(
    name="tilted",
    stage="reduce",
    kinds=EVERY,
    function=tilted,
    formula="tilted mean with t = {t}",
    latex=r"\tfrac{{1}}{{{t}}}\ln\operatorname{{mean}}\exp({t}\,\cdot)",
    source="Li et al. 2021, Tilted Empirical Risk Minimization, eq. 2",
    parameters=(
        Parameter(
            "t",
            default=1,
            search=(-5, 5),
            domain=(-100, 100),
            neutral=0,
            about="below 0 outliers count less, above 0 more",
            per_loss=True,
        ),
    ),
)
