"""What the parts of a loss are computed from, shared so that each is computed once.

A part names the quantities it needs as its positional arguments. For classification everything per
sample follows from one number, the *gap*: the logit of the true class minus the log-sum-exp of the
others, so that p = sigmoid(gap) is the probability of the true class. Both ln p and ln(1 - p) are then
exact at any confidence, which is what keeps every gradient finite: 1 - p by subtraction loses all its
digits when p is near one.

Shapes: N samples, K classes, L labels. `logits` is (N, K) for multiclass, (N,) for binary, (N, L) for
multilabel; everything per sample is (N,), or (N, L) for multilabel. Batch-level parts read
`probabilities` and `truth`, which have M columns: K classes, one, or L labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from ..declarations import Kind
from .class_counts import (
    log_prior_binary,
    log_prior_multiclass,
    relative_size,
    target_count_binary,
    target_count_multiclass,
)


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


def log_p_sum_multiclass(logits: Tensor, log_p_mean: Tensor) -> Tensor:
    """The sum of ln p_k over the classes."""
    return log_p_mean * logits.shape[-1]


def log_p_sum_binary(log_p: Tensor, log_not_p: Tensor) -> Tensor:
    """The sum of ln p_k over the two classes."""
    return log_p + log_not_p


def log_likelihood(log_p: Tensor) -> Tensor:
    """The expected log-likelihood of the targets; label smoothing replaces it."""
    return log_p


def entropy_multiclass(logits: Tensor) -> Tensor:
    """-sum_k p_k ln p_k, (N,)."""
    log_probabilities = torch.log_softmax(logits, -1)
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def entropy_binary(log_p: Tensor, log_not_p: Tensor) -> Tensor:
    """-p ln p - (1 - p) ln(1 - p)."""
    return -(log_p.exp() * log_p + log_not_p.exp() * log_not_p)


def probabilities_multiclass(logits: Tensor) -> Tensor:
    """The probability of each class, (N, K)."""
    return torch.softmax(logits, -1)


def probabilities_binary(logits: Tensor) -> Tensor:
    """The probability of a yes, (N, 1); of each label, (N, L)."""
    return torch.sigmoid(logits if logits.dim() > 1 else logits.unsqueeze(1))


def truth_multiclass(logits: Tensor, is_target: Tensor) -> Tensor:
    """1 at the class each sample belongs to, else 0, (N, K)."""
    return is_target.to(logits.dtype)


def truth_binary(targets: Tensor) -> Tensor:
    """The targets as (N, 1); (N, L) for multilabel."""
    return targets if targets.dim() > 1 else targets.unsqueeze(1)


def counted(mask: Tensor) -> Tensor:
    """1 for what counts, 0 for what is ignored, (N, 1); (N, L) for multilabel."""
    return mask if mask.dim() > 1 else mask.unsqueeze(1)


def mask(targets: Tensor, outputs: Tensor) -> Tensor:
    """1 for each target, of the shape of the targets; where something is ignored it is given, with zeros."""
    return torch.ones_like(targets, dtype=outputs.dtype)


def prediction(outputs: Tensor, targets: Tensor) -> Tensor:
    """The predicted value: the outputs, or the first of the two numbers a target has (see `log_variance`)."""
    return outputs[..., 0] if outputs.dim() > targets.dim() else outputs


def log_variance(outputs: Tensor, targets: Tensor) -> Tensor:
    """ln of the predicted variance, of the shape of the targets.

    A model predicts it when its outputs have one more axis than the targets, of size two: (N, 2) for
    targets (N,), (N, D, 2) for (N, D). The first number is the mean, the second this. Otherwise it is 0.
    """
    return outputs[..., 1] if outputs.dim() > targets.dim() else torch.zeros_like(outputs)


def residual(prediction: Tensor, targets: Tensor, target_scale: Tensor) -> Tensor:
    """The error in units of the spread of the training targets."""
    return (prediction - targets) / target_scale


_BINARY: dict[str, Callable[..., Tensor]] = {
    "gap": gap_binary,
    "log_p": log_p,
    "log_not_p": log_not_p,
    "log_p_mean": log_p_mean_binary,
    "log_p_sum": log_p_sum_binary,
    "log_likelihood": log_likelihood,
    "entropy": entropy_binary,
    "probabilities": probabilities_binary,
    "truth": truth_binary,
    "mask": mask,
    "counted": counted,
    "log_prior": log_prior_binary,
    "target_count": target_count_binary,
}

QUANTITIES: Mapping[Kind, Mapping[str, Callable[..., Tensor]]] = {
    "multiclass": {
        "is_target": is_target,
        "target_logit": target_logit,
        "gap": gap_multiclass,
        "log_p": log_p,
        "log_not_p": log_not_p,
        "log_p_mean": log_p_mean_multiclass,
        "log_p_sum": log_p_sum_multiclass,
        "log_likelihood": log_likelihood,
        "entropy": entropy_multiclass,
        "probabilities": probabilities_multiclass,
        "truth": truth_multiclass,
        "mask": mask,
        "counted": counted,
        "log_prior": log_prior_multiclass,
        "relative_size": relative_size,
        "target_count": target_count_multiclass,
    },
    "binary": _BINARY,
    "multilabel": _BINARY,
    "regression": {
        "prediction": prediction,
        "log_variance": log_variance,
        "residual": residual,
        "mask": mask,
    },
}

# Quantities that read the logits for their shape alone: adjusting the logits leaves them true.
OF_SHAPE = frozenset({"is_target", "truth", "mask", "counted"})
