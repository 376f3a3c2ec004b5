"""The gap of a multiclass loss in as few passes over the logits as there can be.

The formulas of `losses/kinds/multiclass.py` are what is searched. Run one operation after another
they pass over the logits a dozen times, forward and backward, with two exponentials. A frozen loss computes
the same in one function whose gradient is written out; the contract compares every frozen loss with the plain
formulas.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from torch import Tensor


class Gap(torch.autograd.Function):
    """The gap of each sample, and the mean of its logits minus the logit of the true class, both (N,).

    Logits are taken relative to the largest of the others: nothing overflows, and what is added to all of
    them costs no digits. The exponentials are kept, for the gradient of the gap is 1 at the true class and
    minus each other one's share of their sum.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, targets: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of logits (N, K) + shift (K,), targets (N,); shares (N, K), part (N, 1) are for the gradient."""
        others, index = logits + shift, targets.unsqueeze(-1)
        if without_scattering(logits):
            gap, lag, shares, total = in_loops(others, index)
        else:
            gap, lag, shares, total = in_passes(others, index)
        return gap.squeeze(-1), lag.squeeze(-1), shares, total.reciprocal()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        """Keep what the gradient is made of."""
        ctx.mark_non_differentiable(*output[2:])
        ctx.save_for_backward(*inputs, *output[2:])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, gap: Tensor | None, lag: Tensor | None, *_: None) -> tuple[Tensor, None, None]:
        """The gradient to the logits, which may be differentiated again; what is None is 0."""
        logits, targets, shift, shares, part = ctx.saved_tensors
        index, classes = targets.unsqueeze(-1), logits.shape[-1]
        if torch.is_grad_enabled():  # then the shares have to be made of what autograd knows
            shares = torch.softmax((logits + shift).scatter(-1, index, -torch.inf), -1)
            part = torch.ones_like(part)
        gap = torch.zeros_like(part) if gap is None else gap.unsqueeze(-1)
        slope = shares * (gap * part).neg_()
        if lag is not None:
            even = lag.unsqueeze(-1) * (1 / classes)
            slope, gap = slope.add_(even), torch.sub(gap, even, alpha=classes - 1)
        if without_scattering(logits):
            return with_true(slope, index, gap), None, None
        return slope.scatter_(-1, index, gap), None, None


# Autograd looks the signature up at every call; told in advance, that takes half the time.
Gap.forward.__signature__ = signature(Gap.forward)  # type: ignore[attr-defined]


def in_passes(others: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gap, lag, shares and the total of these, of logits that are overwritten.

    Args:
        others: Logits, (N, K).
        index: True classes, (N, 1).
    """
    true = others.gather(-1, index)
    top = others.scatter_(-1, index, -torch.inf).amax(-1, keepdim=True)
    ahead = true.sub_(top)
    below = others.sub_(top).scatter_(-1, index, 0.0)
    lag = below.mean(-1, keepdim=True).sub_(ahead, alpha=1 - 1 / others.shape[-1])
    shares = below.mul_(1.4426950408889634).exp2_()  # exp(x) = 2^(x / ln 2), which torch is faster at
    total = shares.sum(-1, keepdim=True).sub_(1)  # the true class has an exp(0) that does not count
    return ahead.sub_(total.log()), lag, shares, total


def in_loops(others: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As `in_passes`, compiled to two loops over the logits; the share of the true class is not to be read.

    Args:
        others: Logits, (N, K).
        index: True classes, (N, 1).
    """
    true = others.gather(-1, index)
    top = with_true(others, index, -torch.inf).amax(-1, keepdim=True)
    below, ahead = others - top, true - top
    lag = below.mean(-1, keepdim=True) - ahead
    shares = (below * 1.4426950408889634).exp2()  # of the true class it may be infinite
    total = with_true(shares, index, 0.0).sum(-1, keepdim=True)
    return ahead - total.log(), lag, shares, total


def without_scattering(logits: Tensor) -> bool:
    """Whether to compute something for each class rather than scatter: compiled, and few classes."""
    return torch.compiler.is_compiling() and logits.shape[-1] <= 128


def with_true(values: Tensor, index: Tensor, true: Tensor | float) -> Tensor:
    """The values with another number at one class of each sample, as a part of whatever loop reads them.

    Args:
        values: (N, K).
        index: The class of each sample, (N, 1).
        true: The number there, for all or (N, 1).
    """
    numbers = torch.arange(values.shape[-1], device=index.device)
    return torch.where(index.int() == numbers.int(), true, values)


def gap_and_lag(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The gap, and the mean logit minus that of the true class, both (N,).

    Args:
        logits: (N, K).
        targets: Class indices, (N,).
    """
    gap, lag, _, _ = Gap.apply(logits, targets, logits.new_zeros(logits.shape[-1]))  # type: ignore[no-untyped-call]
    return gap, lag


def adjusted_gap_and_lag(
    logits: Tensor, log_prior: Tensor, targets: Tensor, *, tau: float
) -> tuple[Tensor, Tensor]:
    """The gap and lag of the logits z_j + tau ln pi_j, both (N,).

    Args:
        logits: z, (N, K).
        log_prior: ln pi, (K,).
        targets: Class indices, (N,).
        tau: How much of the prior is added, at least 0.
    """
    shift = log_prior if tau == 1 else tau * log_prior  # what is compiled multiplies for every sample anew
    gap, lag, _, _ = Gap.apply(logits, targets, shift)  # type: ignore[no-untyped-call]
    return gap, lag


def log_p_mean(lag: Tensor, log_p: Tensor) -> Tensor:
    """The mean of ln p_k over the classes, (N,).

    Args:
        lag: (N,), the mean of the logits minus the logit of the true class.
        log_p: (N,), ln of the probability of the true class.
    """
    return lag + log_p
