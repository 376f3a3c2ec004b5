"""What the parts of a loss are computed from, shared so that each is computed once.

A part names the quantities it needs as its positional arguments. For classification everything per
sample follows from one number, the *gap*: the logit of the true class minus the log-sum-exp of the
others, so that p = sigmoid(gap) is the probability of the true class. Both ln p and ln(1 - p) are then
exact at any confidence, which is what keeps every gradient finite (`LOSSES` bug 1: computing 1 - p by
subtraction loses it when p is near one).

Shapes: N samples, K classes, L labels. `logits` is (N, K) for multiclass, (N,) for binary, (N, L) for
multilabel; everything per sample is (N,), or (N, L) for multilabel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from .parts import Kind


def is_target(logits: Tensor, targets: Tensor) -> Tensor:
    """True at the class each sample belongs to, (N, K)."""
    return targets.unsqueeze(-1) == torch.arange(logits.shape[-1], device=logits.device)


def target_logit(logits: Tensor, targets: Tensor) -> Tensor:
    """The logit of the true class, (N,)."""
    return logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def gap_multiclass(logits: Tensor, is_target: Tensor, target_logit: Tensor) -> Tensor:
    """The logit of the true class minus the log-sum-exp of the others, (N,)."""
    return target_logit - torch.logsumexp(logits.masked_fill(is_target, -torch.inf), -1)


def gap_binary(logits: Tensor, targets: Tensor) -> Tensor:
    """The logit, signed so that positive is right."""
    return logits * (2 * targets - 1)


def log_p(gap: Tensor) -> Tensor:
    """ln p, p being the probability of the true class."""
    return F.logsigmoid(gap)


def log_not_p(gap: Tensor) -> Tensor:
    """ln(1 - p)."""
    return F.logsigmoid(-gap)


def log_p_mean_multiclass(logits: Tensor, target_logit: Tensor, log_p: Tensor) -> Tensor:
    """The mean of ln p_k over the classes: mean(z) - logsumexp(z), where logsumexp(z) = z_t - ln p."""
    return logits.mean(-1) - target_logit + log_p


def log_p_mean_binary(log_p: Tensor, log_not_p: Tensor) -> Tensor:
    """The mean of ln p_k over the two classes."""
    return (log_p + log_not_p) / 2


def log_likelihood(log_p: Tensor) -> Tensor:
    """The expected log-likelihood of the targets; label smoothing replaces it."""
    return log_p


def log_prior(class_counts: Tensor) -> Tensor:
    """ln of the share of each class in the training data, (K,)."""
    counts = class_counts.clamp(min=1)  # a class never seen counts as seen once
    return torch.log(counts / counts.sum())


def target_count(class_counts: Tensor, targets: Tensor) -> Tensor:
    """How many training samples the class of each sample has, (N,)."""
    return class_counts.clamp(min=1)[targets]


def residual(outputs: Tensor, targets: Tensor, target_scale: Tensor) -> Tensor:
    """The error in units of the spread of the training targets."""
    return (outputs - targets) / target_scale


_BINARY: dict[str, Callable[..., Tensor]] = {
    "gap": gap_binary,
    "log_p": log_p,
    "log_not_p": log_not_p,
    "log_p_mean": log_p_mean_binary,
    "log_likelihood": log_likelihood,
}

QUANTITIES: Mapping[Kind, Mapping[str, Callable[..., Tensor]]] = {
    "multiclass": {
        "is_target": is_target,
        "target_logit": target_logit,
        "gap": gap_multiclass,
        "log_p": log_p,
        "log_not_p": log_not_p,
        "log_p_mean": log_p_mean_multiclass,
        "log_likelihood": log_likelihood,
        "log_prior": log_prior,
        "target_count": target_count,
    },
    "binary": _BINARY,
    "multilabel": _BINARY,
    "regression": {"residual": residual},
}
