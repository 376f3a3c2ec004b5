"""Faster forms of two quantities, for a frozen loss that runs eagerly.

The formulas of `losses/quantities.py` are what is searched, compiled and exported. Run one operation after
another, they pass over the logits a dozen times, forward and backward. Here each has its gradient written
out, in few passes; `losses/contract.py` compares every loss with the plain formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .family import Step, inputs_of
from .quantities import gap_multiclass, log_p_mean_multiclass


class Gap(torch.autograd.Function):
    """The logit of the true class minus the log-sum-exp of the others, (N,), of logits (N, K)."""

    @staticmethod
    def forward(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """As `gap_multiclass`, and the log-sum-exp (N, 1), for the gradient.

        The largest of the other logits is taken out, so that nothing overflows.
        """
        index = targets.unsqueeze(-1)
        others = logits.scatter(-1, index, -torch.inf)
        top = others.amax(-1, keepdim=True)
        log_sum = top + others.sub_(top).exp_().sum(-1, keepdim=True).log()
        return (logits.gather(-1, index) - log_sum).squeeze(-1), log_sum

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:
        """Keep the inputs and N numbers: nothing of the size of the logits besides them."""
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*inputs, output[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """1 at the true class, minus the others' share of their sum elsewhere."""
        logits, targets, log_sum = ctx.saved_tensors
        index, gradient = targets.unsqueeze(-1), gradients[0].unsqueeze(-1)
        if torch.is_grad_enabled():  # a second derivative is wanted: no operation may overwrite its input
            shares = torch.softmax(logits.scatter(-1, index, -torch.inf), -1)
            return (-gradient * shares).scatter(-1, index, gradient), None
        # At the true class the exponential may overflow; it is overwritten.
        shares = (logits - log_sum).exp_()
        return shares.mul_(-gradient).scatter_(-1, index, gradient), None


class Lead(torch.autograd.Function):
    """The mean of the logits minus the logit of the true class: logits (N, K), targets (N,) to (N,)."""

    @staticmethod
    def forward(logits: Tensor, targets: Tensor) -> Tensor:
        """mean(z) - z_t."""
        return logits.mean(-1) - logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        """Keep the targets and the shape: the gradient does not depend on the logits."""
        del output
        ctx.save_for_backward(inputs[1])
        ctx.shape = inputs[0].shape

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """1/K everywhere, 1/K - 1 at the true class."""
        (targets,) = ctx.saved_tensors
        gradient = gradients[0].unsqueeze(-1)
        share = gradient / ctx.shape[-1]
        return share.expand(ctx.shape).scatter(-1, targets.unsqueeze(-1), share - gradient), None


def gap(logits: Tensor, targets: Tensor) -> Tensor:
    """The gap, (N,)."""
    found: Tensor = Gap.apply(logits, targets)[0]  # type: ignore[no-untyped-call]
    return found


def log_p_mean(logits: Tensor, targets: Tensor, log_p: Tensor) -> Tensor:
    """The mean of ln p_k over the classes, (N,)."""
    lead: Tensor = Lead.apply(logits, targets)  # type: ignore[no-untyped-call]
    return lead + log_p


_FASTER: dict[Callable[..., Tensor], Callable[..., Tensor]] = {
    gap_multiclass: gap,
    log_p_mean_multiclass: log_p_mean,
}


def fused(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The same steps in their faster form, without those that nothing reads any more."""
    faster = [
        replace(step, function=_FASTER[step.function], inputs=inputs_of(_FASTER[step.function]))
        if step.function in _FASTER
        else step
        for step in steps
    ]
    kept: list[Step] = []
    read = {"loss"}
    for step in reversed(faster):
        if step.output in read:
            kept.append(step)
            # A step that replaces what it reads ("logits" from "logits") leaves it needed.
            read = (read - {step.output}) | set(step.inputs)
    return tuple(reversed(kept))
