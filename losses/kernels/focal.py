"""Focal cross entropy in one operation, with its derivative written out.

The formulas of `losses/terms/classification/cross_entropy.py` and `losses/terms/modulate/focal.py` take ln p
and ln(1 - p) from the gap each for itself. Together they need one exponential and one logarithm of it, and
the derivative needs nothing that is not there already.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)


def wrong(gap: Tensor, rest: Tensor) -> Tensor:
    """1 - p = sigmoid(-gap). Where it is compiled, exp(-|gap|) is there and a choice costs nothing.

    Args:
        gap: The gap, of any shape.
        rest: exp(-|gap|), likewise.
    """
    if torch.compiler.is_compiling():
        return torch.where(gap < 0, 1.0, rest) / (1 + rest)
    return gap.neg().sigmoid_()


class FocalCrossEntropy(torch.autograd.Function):
    """(1 - p)^gamma (-ln p - epsilon lag) with p = sigmoid(gap), and its derivatives.

    All have the shape of the gap.

    `lag` is what smoothing the targets adds, None where they are not smoothed. ln p and ln(1 - p) are exact
    at any confidence. Exponentials are powers of two, which torch is faster at: exp(x) = 2^(x / ln 2).
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        gap: Tensor, lag: Tensor | None, gamma: float, epsilon: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The loss, by how much it rises with the gap, and the factor (1 - p)^gamma."""
        per_ln2 = 1.4426950408889634
        rest = gap.abs().mul_(-per_ln2).exp2_()  # exp(-|gap|)
        not_p = wrong(gap, rest)
        more = rest.log1p_()  # part of ln p and ln(1 - p)
        expected = gap.clamp(max=0).sub_(more)
        # At 2, the value that is used most, a square is all there is to it.
        factor = (
            not_p.square() if gamma == 2 else gap.neg().clamp_(max=0).sub_(more).mul_(gamma * per_ln2).exp2_()
        )
        if lag is not None:
            expected = expected.add_(lag, alpha=epsilon)
        slope = torch.addcmul(expected, not_p, expected, value=-1).mul_(gamma).sub_(not_p).mul_(factor)
        return expected.mul_(factor).neg_(), slope, factor

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Keep the derivatives, and the inputs for the derivatives of those."""
        gap, lag, ctx.gamma, ctx.epsilon = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(gap, lag, output[1], None if lag is None else output[2])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, loss: Tensor | None, *_: None) -> tuple[Tensor | None, Tensor | None, None, None]:
        """The gradients to the gap and the lag, which may be differentiated again."""
        gap, lag, slope, factor = ctx.saved_tensors
        if loss is None:
            return None, None, None, None
        if torch.is_grad_enabled():  # then they have to be made of what autograd knows
            log_p, log_not_p = F.logsigmoid(gap), F.logsigmoid(-gap)
            factor = torch.exp(ctx.gamma * log_not_p)
            expected = log_p if lag is None else log_p + ctx.epsilon * lag
            slope = factor * (ctx.gamma * log_p.exp() * expected - log_not_p.exp())
        behind = None if lag is None else loss * factor * -ctx.epsilon
        return loss * slope, behind, None, None


# Autograd looks the signature up at every call; told in advance, that takes half the time.
FocalCrossEntropy.forward.__signature__ = signature(FocalCrossEntropy.forward)  # type: ignore[attr-defined]


def focal_cross_entropy(gap: Tensor, *, gamma: float) -> Tensor:
    """(1 - p)^gamma (-ln p) per sample or label, p being the probability of the truth.

    Args:
        gap: (N,) or (N, L), the logit of p.
        gamma: Focusing, at least 0.
    """
    loss: Tensor = FocalCrossEntropy.apply(gap, None, gamma, 0.0)[0]  # type: ignore[no-untyped-call]
    return loss


def smoothed_focal_cross_entropy(gap: Tensor, lag: Tensor, *, gamma: float, epsilon: float) -> Tensor:
    """(1 - p)^gamma times the expected -ln p under the targets (1 - epsilon) y + epsilon / K, per sample.

    Args:
        gap: (N,), the logit of p.
        lag: (N,), the mean of the logits minus the logit of the true class.
        gamma: Focusing, at least 0.
        epsilon: In [0, 1], the share of a target that is spread over the K classes.
    """
    loss: Tensor = FocalCrossEntropy.apply(gap, lag, gamma, epsilon)[0]  # type: ignore[no-untyped-call]
    return loss


def smoothed_log_p(log_p: Tensor, lag: Tensor, *, epsilon: float) -> Tensor:
    """Expected log-likelihood under the targets (1 - epsilon) y + epsilon / K, per sample.

    Args:
        log_p: (N,), ln of the probability of the true class.
        lag: (N,), the mean of the logits minus the logit of the true class.
        epsilon: In [0, 1], the share of a target that is spread over the K classes.
    """
    return torch.add(log_p, lag, alpha=epsilon)
