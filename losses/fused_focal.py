"""Focal cross entropy in one operation, with its derivative written out.

The formulas of `losses/terms/cross_entropy.py` and `losses/terms/focal.py` take ln p and ln(1 - p) from the
gap each for itself. Together they need one exponential and one logarithm of it, and the derivative needs
nothing that is not there already.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from .family import Step, same, times
from .quantities import log_likelihood
from .terms.focal import focal


class FocalCrossEntropy(torch.autograd.Function):
    """(1 - p)^gamma (-ln p) with p = sigmoid(gap), and its derivative, both of the shape of the gap.

    ln p and ln(1 - p) are exact at any confidence. Exponentials are powers of two, which torch is faster at:
    exp(x) = 2^(x / ln 2).
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(gap: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
        """The loss, and by how much it rises with the gap."""
        per_ln2 = 1.4426950408889634
        more = gap.abs().mul_(-per_ln2).exp2_().log1p_()  # ln(1 + exp(-|gap|)), part of ln p and ln(1 - p)
        log_p = gap.clamp(max=0).sub_(more)
        log_not_p = (-gap).clamp(max=0).sub_(more)
        not_p = (log_not_p * per_ln2).exp2_()
        # At 2, the value that is used most, a square is all there is to it.
        factor = not_p.square() if gamma == 2 else log_not_p.mul_(gamma * per_ln2).exp2_()
        slope = torch.addcmul(log_p, not_p, log_p, value=-1).mul_(gamma).sub_(not_p).mul_(factor)
        return factor.mul_(log_p).neg_(), slope

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Keep the derivative, and the gap for the derivative of that."""
        gap, ctx.gamma = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(gap, output[1])

    @staticmethod
    def backward(ctx: Any, loss: Tensor, _: Tensor) -> tuple[Tensor, None]:
        """The gradient to the gap, which may be differentiated again."""
        gap, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # then the slope has to be made of what autograd knows
            log_p, log_not_p = F.logsigmoid(gap), F.logsigmoid(-gap)
            slope = torch.exp(ctx.gamma * log_not_p) * (ctx.gamma * log_p.exp() * log_p - log_not_p.exp())
        return loss * slope, None


def focal_cross_entropy(gap: Tensor, *, gamma: float) -> Tensor:
    """(1 - p)^gamma (-ln p) per sample or label, p being the probability of the truth."""
    loss: Tensor = FocalCrossEntropy.apply(gap, gamma)[0]  # type: ignore[no-untyped-call]
    return loss


def focal_at_once(steps: Iterable[Step]) -> list[Step]:
    """With plain cross entropy and focal modulation as one step, where nothing comes between them."""
    found = list(steps)
    made = {step.output: step for step in found}
    for i, step in enumerate(found):
        if step.function is not times or made[step.inputs[1]].function is not focal:
            continue
        before = next(other for other in reversed(found[:i]) if other.output == "loss")
        plain = made["log_likelihood"].function is log_likelihood if "log_likelihood" in made else False
        if before.function is same and before.inputs == ("cross_entropy_loss",) and plain:
            found[i] = Step("loss", focal_cross_entropy, ("gap",), made[step.inputs[1]].parameters)
    return found
