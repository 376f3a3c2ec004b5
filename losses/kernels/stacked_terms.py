"""Parts of a multiclass loss that read all logits, for all members at once, with few passes over them.

Each is a function of `losses/terms/` with its gradient written out. Logits are (members, N, K); quantities
that all members share lack the members' axis, and numbers are (members, 1, 1).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..numerics import relative_expm1
from .stacked_gap import LOG2_E, true_logit


def margin(logits: Tensor, is_target: Tensor, *, m: Tensor) -> Tensor:
    """The logits with m taken from the true class, as the part of this name.

    Args:
        logits: (M, N, K).
        is_target: (N, K) or (M, N, K), true at the true class.
        m: (M, 1, 1).
    """
    return torch.addcmul(logits, is_target.to(logits.dtype), m, value=-1)


def multi_margin(logits: Tensor, targets: Tensor, is_target: Tensor, *, margin: Tensor) -> Tensor:
    """As the part of this name, (..., N).

    Args:
        logits: (M, N, K).
        targets: Class indices, (N,) or (M, N).
        is_target: (N, K) or (M, N, K), true at the true class.
        margin: (M, 1, 1), above 0.
    """
    found: Tensor = _MultiMargin.apply(logits, targets, is_target, margin)  # type: ignore[no-untyped-call]
    return found


def bi_tempered(logits: Tensor, is_target: Tensor, *, t1: Tensor, t2: Tensor) -> Tensor:
    """As the part of this name, (..., N).

    Args:
        logits: (M, N, K).
        is_target: (N, K) or (M, N, K), true at the true class.
        t1: (M, 1, 1), in [0, 1].
        t2: (M, 1, 1), in [1, 4].
    """
    found: Tensor = _BiTempered.apply(logits, is_target, t1, t2)  # type: ignore[no-untyped-call]
    return found


class _MultiMargin(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, is_target: Tensor, margin: Tensor) -> Tensor:
        violation = logits - (true_logit(logits, targets) - margin)
        violation.masked_fill_(is_target, 0).clamp_(min=0)
        ctx.save_for_backward(violation, is_target)
        return violation.mean(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        # 1/K for every class that violates the margin, and minus their number at the true one.
        violation, is_target = ctx.saved_tensors
        slope = violation.sign().mul_(gradient.unsqueeze(-1) / violation.shape[-1])
        total = slope.sum(-1, keepdim=True)
        return slope.addcmul_(is_target.to(slope.dtype), total, value=-1), None, None, None


class _BiTempered(torch.autograd.Function):
    """With a = t2 - 1, p_k = w_k^(-1/a) where w_k = 1 + a (c - z_k), and c such that they sum to one."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, is_target: Tensor, t1: Tensor, t2: Tensor) -> Tensor:
        heavy = (t2 - 1).clamp(min=1e-30)  # where 1e-30 is as good as 0, and 0 / 0 would be NaN
        excess = _excess(logits, heavy)
        log_p = torch.log1p(excess).div_(-heavy)
        power = torch.exp2(log_p * ((2 - t1) * LOG2_E))
        at_true = is_target.to(logits.dtype)
        true = (log_p * at_true).sum(-1)
        up_to_one = (1 - t1).squeeze(-1)
        ctx.save_for_backward(excess.add_(1), log_p, power, at_true, torch.exp(up_to_one * true))
        rest = (1 - power.sum(-1)).div_((2 - t1).squeeze(-1))
        return -true * relative_expm1(up_to_one * true) - rest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        # d ln p_k / d z_k = 1 / w_k, and d ln p_k / d c = -1 / w_k; c moves so that sum p stays one.
        w, log_p, power, at_true, true = ctx.saved_tensors
        slope = torch.addcmul(power, at_true, true.unsqueeze(-1), value=-1).div_(w)
        total = slope.sum(-1, keepdim=True)
        escort = log_p.mul(LOG2_E).exp2_().div_(w)
        slope.addcmul_(escort, total.div_(escort.sum(-1, keepdim=True)), value=-1)
        return slope.mul_(gradient.unsqueeze(-1)), None, None, None


def _excess(logits: Tensor, heavy: Tensor) -> Tensor:
    """a (c - z_k), (..., N, K), by Newton's method on (sum_k w_k^(-1/a))^-a = 1, which is concave in c.

    It begins at the larger of two lower bounds: the largest logit, and what c were if all logits were their
    mean. From there it cannot overshoot; up to 1,000 classes and t2 = 4 seven steps reach the last digit of
    float32 and nine that of float64.
    """
    below = (logits.amax(-1, keepdim=True) - logits).mul_(heavy)
    even = torch.full_like(heavy, logits.shape[-1]).log_().mul_(heavy).expm1_()
    rise = (even - below.mean(-1, keepdim=True)).clamp_(min=0)
    steps, power = (9 if logits.dtype == torch.float64 else 7), -LOG2_E / heavy
    for _ in range(steps):
        w = below + rise
        p = torch.log1p(w).mul_(power).exp2_()
        total = p.sum(-1, keepdim=True)
        slope = p.div_(w.add_(1)).sum(-1, keepdim=True)
        rise.addcdiv_(total * torch.expm1(heavy * total.log()), slope)
    return below.add_(rise)
