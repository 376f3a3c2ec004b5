"""One of several classes for each sample."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from ..errors import UserError
from ..kernels import Fast
from ..kernels import gap as alone
from ..kernels import stacked_gap as members
from . import probability
from .problem_kind import ProblemKind
from .quantity import Quantity


def is_target(logits: Tensor, targets: Tensor) -> Tensor:
    """True at the class each sample belongs to, (N, K).

    Args:
        logits: (N, K), for their shape and device alone.
        targets: Class indices, (N,).
    """
    return targets.unsqueeze(-1) == torch.arange(logits.shape[-1], device=logits.device)


def target_logit(logits: Tensor, targets: Tensor) -> Tensor:
    """The logit of the true class, (N,).

    Args:
        logits: (N, K).
        targets: Class indices, (N,).
    """
    return logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def gap_multiclass(logits: Tensor, is_target: Tensor, target_logit: Tensor) -> Tensor:
    """The logit of the true class minus the log-sum-exp of the others, (N,).

    Args:
        logits: (N, K).
        is_target: (N, K), true at the true class.
        target_logit: (N,), the logit of the true class.
    """
    return target_logit - torch.logsumexp(logits.masked_fill(is_target, -torch.inf), -1)


def log_p_mean_multiclass(logits: Tensor, target_logit: Tensor, log_p: Tensor) -> Tensor:
    """The mean of ln p_k over the classes: mean(z) - logsumexp(z), where logsumexp(z) = z_t - ln p.

    Args:
        logits: (N, K).
        target_logit: (N,), the logit of the true class.
        log_p: (N,), ln of the probability of the true class.
    """
    return logits.mean(-1) - target_logit + log_p


def log_p_sum_multiclass(logits: Tensor, log_p_mean: Tensor) -> Tensor:
    """The sum of ln p_k over the classes.

    Args:
        logits: (N, K), for their shape alone.
        log_p_mean: (N,), the mean of ln p_k over the classes.
    """
    return log_p_mean * logits.shape[-1]


def entropy_multiclass(logits: Tensor) -> Tensor:
    """-sum_k p_k ln p_k, (N,)."""
    log_probabilities = torch.log_softmax(logits, -1)
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def probabilities_multiclass(logits: Tensor) -> Tensor:
    """The probability of each class, (N, K)."""
    return torch.softmax(logits, -1)


def truth_multiclass(logits: Tensor, is_target: Tensor) -> Tensor:
    """1 at the class each sample belongs to, else 0, (N, K).

    Args:
        logits: For their dtype alone.
        is_target: (N, K), true at the true class.
    """
    return is_target.to(logits.dtype)


def counted(mask: Tensor) -> Tensor:
    """How much each target counts, (N, 1)."""
    return mask.unsqueeze(-1)


def log_prior_multiclass(class_counts: Tensor) -> Tensor:
    """ln of the share of each class in the training data, (K,); a class never seen counts as seen once."""
    counts = class_counts.clamp(min=1)
    return torch.log(counts / counts.sum())


def relative_size(class_counts: Tensor) -> Tensor:
    """Each class's training samples over those of the largest, (K,)."""
    counts = class_counts.clamp(min=1)
    return counts / counts.max()


def target_count_multiclass(class_counts: Tensor, targets: Tensor) -> Tensor:
    """How many training samples the class of each sample has, (N,).

    Args:
        class_counts: The training samples of each class, (K,).
        targets: Class indices, (N,).
    """
    return class_counts.clamp(min=1)[targets]


def target_count_of_members(class_counts: Tensor, targets: Tensor) -> Tensor:
    """How many training samples the class of each sample has, for M members at once: (M, N).

    Args:
        class_counts: (K,), or (M, 1, K).
        targets: Class indices, (M, N) or (N,).
    """
    counts = class_counts.clamp(min=1).expand(*targets.shape, -1)
    return counts.gather(-1, targets.unsqueeze(-1)).squeeze(-1)


QUANTITIES = {
    **probability.QUANTITIES,
    "is_target": Quantity(is_target, of_shape=True, fast=Fast(members=members.is_target)),
    "target_logit": Quantity(target_logit, expands=True),
    "gap_and_lag": Quantity(members.gap_and_lag, fast=Fast(members=members.gap_and_lag)),
    "gap": Quantity(
        gap_multiclass, fast=Fast(alone=alone.gap_and_lag, outputs=("gap", "lag"), members=members.gap)
    ),
    "log_p_mean": Quantity(
        log_p_mean_multiclass, fast=Fast(alone=alone.log_p_mean, members=members.log_p_mean)
    ),
    "log_p_sum": Quantity(log_p_sum_multiclass),
    "entropy": Quantity(entropy_multiclass, fast=Fast(members=members.entropy)),
    "probabilities": Quantity(probabilities_multiclass),
    "truth": Quantity(truth_multiclass, of_shape=True),
    "counted": Quantity(counted, of_shape=True),
    "log_prior": Quantity(log_prior_multiclass, broadcasts=False),
    "relative_size": Quantity(relative_size, broadcasts=False),
    "target_count": Quantity(target_count_multiclass, fast=Fast(members=target_count_of_members)),
}


def shaped(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (N, K) with integer class indices (N,); dense ones, (N, K, ...) with (N, ...), are flattened.

    A dimension of one behind the samples of targets, as columns of tables and masks have, is dropped.

    Args:
        outputs: (N, K) or (N, K, ...), K at least 2.
        targets: Integer class indices, (N,) or (N, ...).

    Raises:
        UserError: A shape is another, or targets are no integers.
    """
    dense = outputs.shape[:1] + outputs.shape[2:]
    if targets.dim() == outputs.dim() and targets.shape[1:2] == (1,):
        targets = targets.squeeze(1)
    if outputs.dim() < 2 or targets.shape != dense or outputs.shape[1] < 2:
        remedy = "; probabilities as targets are not supported" if targets.shape == outputs.shape else ""
        raise UserError(
            "multiclass outputs must be (N, K) with K >= 2 and targets (N,), or (N, K, ...) and (N, ...), "
            f"but got {tuple(outputs.shape)} and {tuple(targets.shape)}{remedy}"
        )
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        raise UserError(
            f"multiclass targets must be integer class indices, but got {targets.dtype}; use targets.long()"
        )
    if outputs.dim() > 2:
        outputs, targets = outputs.movedim(1, -1).flatten(0, -2), targets.flatten()
    return outputs, targets.long()


def _random_targets(outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Class indices (N,) for outputs (N, K); each class in turn, shuffled."""
    samples, classes = outputs.shape
    return (torch.arange(samples) % classes)[torch.randperm(samples, generator=generator)]


def _count(targets: Tensor, classes: int | None) -> Tensor:
    """How many samples each class has, (K,)."""
    return torch.bincount(targets, minlength=classes or 0)


def _at_level(level: float) -> tuple[Tensor, Tensor]:
    """Two samples of each class, whose logit is `level` and the others 0."""
    targets = torch.arange(len(_PROBE_COUNTS)).repeat(2)
    return level * F.one_hot(targets).float(), targets


def _extremes(values: Tensor) -> tuple[Tensor, Tensor]:
    """Each triple of the values for three of five classes with each class; two logits follow from others."""
    three = torch.cartesian_prod(values, values, values)
    outputs = torch.cat([three, three[:, :1], -three[:, 1:2]], 1)
    return outputs.repeat(5, 1), torch.arange(5).repeat_interleave(len(outputs))


_PROBE_COUNTS = (90, 40, 17, 8, 3)

KIND = ProblemKind(
    name="multiclass",
    order=1,
    about="one of several classes",
    target="class",
    single=True,
    constant="class_counts",
    decision="argmax",
    usual_loss="cross_entropy",
    usual_metrics=("macro_f1",),
    outputs_shape="(N, K) or (N, K, ...) logits",
    targets_shape="(N,) or (N, ...) integer class indices",
    letters=(
        "p is the probability of the true class t, z the logits, π the class shares, n the samples of a "
        "class, K the number of classes"
    ),
    counts_rule="(K,) with K >= 2",
    counts_fit=lambda counts: len(counts) >= 2,
    quantities=QUANTITIES,
    shaped=shaped,
    probe_counts=_PROBE_COUNTS,
    probe_columns=(5,),
    outputs_for=lambda targets: int(targets.max()) + 1,
    count=_count,
    predictions=lambda outputs: outputs.argmax(-1),
    probabilities=lambda outputs: outputs.softmax(-1),
    random_targets=_random_targets,
    at_level=_at_level,
    extremes=_extremes,
)
