"""Bi-tempered logistic loss."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import Number, Parameter, Part, Standard
from ...kernels import Fast, stacked_terms
from ...numerics import number_like, relative_expm1, relative_log1p


def bi_tempered(logits: Tensor, is_target: Tensor, *, t1: Number, t2: Number) -> Tensor:
    """-log_t1 p_t - (1 - sum_k p_k^(2 - t1)) / (2 - t1) per sample, p being a softmax with exp_t2.

    t1 < 1 bounds the loss, t2 > 1 gives the probabilities heavy tails; (1, 1) is cross entropy.

    Args:
        logits: (N, K).
        is_target: (N, K), true at the true class.
        t1: In [0, 1]; below 1, outliers far away stop mattering.
        t2: In [1, 4]; above 1, outliers nearby matter less.
    """
    log_p = log_tempered_softmax(logits, t2)
    log_p_target = log_p.masked_fill(~is_target, 0).sum(-1)
    loss = -log_p_target * relative_expm1((1 - t1) * log_p_target)
    return loss - (1 - torch.exp((2 - t1) * log_p).sum(-1)) / (2 - t1)


def log_tempered_softmax(logits: Tensor, t2: Number) -> Tensor:
    """ln exp_t2(z_k - c), c such that the sum over the classes is one, (N, K).

    c solves an equation. Newton's method on its t2-logarithm finds it without gradient (exact after one
    step at t2 = 1); one more step with gradient gives the exact gradient of the solution, and two give its
    exact second derivative, for a step's own derivative by the centre it starts from is 0 there.

    Args:
        logits: z, (..., K).
        t2: In [1, 4]; above 1 the tails are heavy.
    """
    centre = tempered_centre(logits.detach(), t2)
    for _ in range(2):
        centre = tempered_newton(logits, centre, t2)
    return log_tempered_exp(logits - centre, t2)


def tempered_centre(logits: Tensor, t2: Number) -> Tensor:
    """c of `log_tempered_softmax`, nearly: seven of its Newton steps from the largest logit, in few passes.

    From there on c lies above every logit, so that nothing overflows. Below t2 = 1.0001 it is that of 1.0001.

    Args:
        logits: (..., K).
        t2: In [1, 4].
    """
    heavy = number_like(t2, logits).clamp(min=1.0001) - 1
    centre = logits.amax(-1, keepdim=True)
    for _ in range(7):
        below = (centre - logits) * heavy
        p = torch.exp(torch.log1p(below) / -heavy)
        total, slope = p.sum(-1, keepdim=True), (p / (1 + below)).sum(-1, keepdim=True)
        centre = centre + total * torch.expm1(heavy * torch.log(total)) / (heavy * slope)
    return centre


def tempered_newton(logits: Tensor, centre: Tensor, t2: Number) -> Tensor:
    """One Newton step on log_t2(sum_k exp_t2(z_k - centre)) = 0.

    Args:
        logits: (..., K).
        centre: Where the step starts, (..., 1).
        t2: In [1, 4].
    """
    log_p = log_tempered_exp(logits - centre, t2)
    log_sum = torch.logsumexp(log_p, -1, keepdim=True)
    log_slope = torch.logsumexp(t2 * log_p, -1, keepdim=True)
    return centre + log_sum * relative_expm1((1 - t2) * log_sum) * torch.exp(t2 * log_sum - log_slope)


def log_tempered_exp(x: Tensor, t2: Number) -> Tensor:
    """ln exp_t2(x) = ln(1 + (1 - t2) x) / (1 - t2), which is x at t2 = 1; for x up to about 0.

    Args:
        x: Of any shape.
        t2: In [1, 4].
    """
    return x * relative_log1p((1 - t2) * x.clamp(max=0))


def _same_as(t1: float, t2: float) -> dict[str, float] | None:
    """Cross entropy at (1, 1)."""
    return {"mix.cross_entropy": 1.0} if t1 == t2 == 1 else None


PART = Part(
    name="bi_tempered",
    stage="term",
    kinds=("multiclass",),
    function=bi_tempered,
    formula="bi_tempered(z; {t1}, {t2})",
    latex=r"L_{{{t1}}}^{{{t2}}}(z)",
    source="Amid et al. 2019, Robust Bi-Tempered Logistic Loss Based on Bregman Divergences, eq. 3 and 5",
    parameters=(
        Parameter(
            "t1",
            default=0.8,
            domain=(0, 1),
            search=(0.1, 1),
            about="below 1, outliers far away stop mattering",
        ),
        Parameter(
            "t2", default=1.2, domain=(1, 4), search=(1, 3), about="above 1, outliers nearby matter less"
        ),
    ),
    standards={"bi_tempered": Standard({"bi_tempered.t1": 0.8, "bi_tempered.t2": 1.2})},
    same_as=_same_as,
    broadcasts=True,
    fast=Fast(members=stacked_terms.bi_tempered),
)
