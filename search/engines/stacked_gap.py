"""Two quantities of a multiclass loss with their gradients written out, for any number of leading axes.

`losses/quantities.py` has the formulas. Run one operation after another they pass over all logits a dozen
times, with two exponentials; here it is few passes and one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Gap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        index = targets.unsqueeze(-1)
        others = logits.scatter(-1, index, -torch.inf)
        top = others.amax(-1, keepdim=True)  # taken out, so that nothing overflows
        shares = others.sub_(top).exp_()
        total = shares.sum(-1, keepdim=True)
        ctx.save_for_backward(index, shares, total)
        return (logits.gather(-1, index) - top - total.log()).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # 1 at the true class, minus the others' share of their sum elsewhere.
        index, shares, total = ctx.saved_tensors
        at_true = gradient.unsqueeze(-1)
        return (shares * (-at_true / total)).scatter_(-1, index, at_true), None


class _Lead(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        index = targets.unsqueeze(-1)
        ctx.save_for_backward(index)
        ctx.like = logits
        return logits.mean(-1) - logits.gather(-1, index).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # 1/K everywhere, 1/K - 1 at the true class.
        (index,) = ctx.saved_tensors
        share = gradient.unsqueeze(-1) / ctx.like.shape[-1]
        slope = torch.empty_like(ctx.like).copy_(share.expand_as(ctx.like))
        return slope.scatter_(-1, index, share - gradient.unsqueeze(-1)), None


def gap(logits: Tensor, targets: Tensor) -> Tensor:
    """The logit of the true class minus the log-sum-exp of the others: (..., N, K), (..., N) to (..., N)."""
    found: Tensor = _Gap.apply(logits, targets)  # type: ignore[no-untyped-call]
    return found


def log_p_mean(logits: Tensor, targets: Tensor, log_p: Tensor) -> Tensor:
    """The mean of ln p_k over the classes: (..., N, K), (..., N), (..., N) to (..., N)."""
    lead: Tensor = _Lead.apply(logits, targets)  # type: ignore[no-untyped-call]
    return lead + log_p
