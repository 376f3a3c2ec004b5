"""The quantities of a multiclass loss with their gradients written out, for any number of leading axes.

`losses/kinds/multiclass.py` has the formulas. Run one operation after another they pass over all logits a
dozen times, with two exponentials; here it is few passes and one, a block of members at a time, so that what
a pass has written is still in the cache when the next one reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

AT_ONCE = 1 << 17  # numbers that a core keeps close
LOG2_E = 1.4426950408889634  # exp(x) = 2^(x log2 e), which torch is faster at


def is_target(logits: Tensor, targets: Tensor) -> Tensor:
    """True at the true class, (..., N, K), laid out in memory as the logits are: else each pass crawls.

    Args:
        logits: (..., N, K), for shape and layout.
        targets: Class indices, (..., N).
    """
    classes = torch.arange(logits.shape[-1], device=logits.device)
    if logits.stride(-1) > logits.stride(-2):
        return (targets.unsqueeze(-2) == classes.unsqueeze(-1)).mT
    return targets.unsqueeze(-1) == classes


def gap_and_lag(logits: Tensor, targets: Tensor, is_target: Tensor) -> Tensor:
    """(..., 2, N): the true class's logit minus the log-sum-exp of the others; the mean logit minus its.

    Args:
        logits: (..., N, K).
        targets: Class indices, (..., N).
        is_target: (..., N, K), true at the true class; leading axes may be missing.
    """
    found: Tensor = _GapAndLag.apply(logits, targets, is_target)  # type: ignore[no-untyped-call]
    return found


def gap(gap_and_lag: Tensor) -> Tensor:
    """The first of the two, (..., N)."""
    return gap_and_lag.select(-2, 0)


def log_p_mean(gap_and_lag: Tensor, log_p: Tensor) -> Tensor:
    """The mean of ln p_k over the classes, (..., N).

    Args:
        gap_and_lag: (..., 2, N).
        log_p: (..., N), ln of the probability of the true class.
    """
    return gap_and_lag.select(-2, 1) + log_p


def entropy(logits: Tensor) -> Tensor:
    """-sum_k p_k ln p_k: (..., N, K) to (..., N)."""
    found: Tensor = _Entropy.apply(logits)  # type: ignore[no-untyped-call]
    return found


def true_logit(logits: Tensor, targets: Tensor) -> Tensor:
    """The logit of the true class, (..., N, 1).

    Args:
        logits: (..., N, K).
        targets: Class indices, (..., N); leading axes may be missing.
    """
    return logits.gather(-1, targets.unsqueeze(-1).expand(*logits.shape[:-1], 1))


class _GapAndLag(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, is_target: Tensor) -> Tensor:
        hide = torch.zeros_like(is_target, dtype=logits.dtype).masked_fill_(is_target, -torch.inf)
        true, shares = true_logit(logits, targets), torch.empty_like(logits)
        top, total, mean = (torch.empty_like(true) for _ in range(3))
        for some in _blocks(logits):
            others = torch.add(
                logits[some], hide if hide.dim() < logits.dim() else hide[some], out=shares[some]
            )
            torch.mean(logits[some], -1, keepdim=True, out=mean[some])
            torch.amax(others, -1, keepdim=True, out=top[some])  # taken out, so that nothing overflows
            torch.sum(others.sub_(top[some]).mul_(LOG2_E).exp2_(), -1, keepdim=True, out=total[some])
        ctx.save_for_backward(is_target, shares, total)
        return torch.stack([(true - top).sub_(total.log()).squeeze(-1), mean.sub_(true).squeeze(-1)], -2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        # 1 at the true class and minus the others' share of their sum; 1/K, and at the true class 1/K - 1.
        is_target, shares, total = ctx.saved_tensors
        of_gap, of_lag = (g.unsqueeze(-1) for g in gradient.unbind(-2))
        at_true, slope = is_target.to(shares.dtype), torch.empty_like(shares)
        per_share, even, more = of_gap / -total, of_lag / shares.shape[-1], of_gap - of_lag
        for some in _blocks(shares):
            there = at_true if at_true.dim() < shares.dim() else at_true[some]
            torch.addcmul(even[some], shares[some], per_share[some], out=slope[some])
            slope[some].addcmul_(there, more[some])
        return slope, None, None


class _Entropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        log_p = logits - logits.amax(-1, keepdim=True)
        p = torch.exp2(log_p * LOG2_E)
        total = p.sum(-1, keepdim=True)
        log_p.sub_(total.log())
        p.div_(total)
        found = (p * log_p).sum(-1, keepdim=True).neg_()
        ctx.save_for_backward(log_p, p, found)
        return found.squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # -p_k (ln p_k + H)
        log_p, p, found = ctx.saved_tensors
        slope: Tensor = (log_p + found).mul_(p).mul_(-gradient.unsqueeze(-1))
        return slope


def _blocks(logits: Tensor) -> Iterator[slice]:
    """The first axis in blocks of `AT_ONCE` numbers or a single one."""
    size = max(1, AT_ONCE // max(1, logits[0].numel()))
    return (slice(start, start + size) for start in range(0, len(logits), size))
