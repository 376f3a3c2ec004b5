"""One of several classes for each sample."""

from __future__ import annotations

import torch
from torch import Tensor

from .problem_kind import ProblemKind


def _random_targets(outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Class indices (N,) for outputs (N, K); each class in turn, shuffled."""
    samples, classes = outputs.shape
    return (torch.arange(samples) % classes)[torch.randperm(samples, generator=generator)]


def _count(targets: Tensor, classes: int | None) -> Tensor:
    """How many samples each class has, (K,)."""
    return torch.bincount(targets, minlength=classes or 0)


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
    probe_counts=(90, 40, 17, 8, 3),
    probe_columns=(5,),
    outputs_for=lambda targets: int(targets.max()) + 1,
    count=_count,
    predictions=lambda outputs: outputs.argmax(-1),
    probabilities=lambda outputs: outputs.softmax(-1),
    random_targets=_random_targets,
)
