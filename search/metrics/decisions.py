"""Metrics of decisions: the class with the largest logit, or yes where the logit is above 0."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from .metric import Metric, columns, in_pieces, is_multiclass, macro, mean, share


def _classes(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, int]:
    """Decided classes (M, N), true classes (N,), and how many there are; no is class 0, yes is class 1."""
    if is_multiclass(outputs, targets):
        return outputs.argmax(-1), targets, outputs.shape[-1]
    return (outputs.reshape(*outputs.shape[:2]) > 0).long(), targets.reshape(-1).long(), 2


def _answers(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Decisions (M, N, L) and truth (1, N, L), true for yes."""
    return columns(outputs) > 0, columns(targets[None]) > 0


def accuracy(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of right decisions."""
    decided, truth, _ = _classes(outputs, targets)
    return mean((decided == truth)[:, :, None], weights)[:, :, 0]


def binary_accuracy(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of right decisions over samples and labels: one minus the Hamming loss."""
    decided, truth = _answers(outputs, targets)
    return mean(decided == truth, weights).mean(2)


def subset_accuracy(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of samples whose labels are all decided right."""
    decided, truth = _answers(outputs, targets)
    return mean((decided == truth).all(2, keepdim=True), weights)[:, :, 0]


def _counts(outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Right decisions (D, M, T), decisions (D, M, T) and truths (D, 1, T) of each class or label."""
    if targets.dim() > 1:
        decided, truth = _answers(outputs, targets)
        hits = torch.einsum("dn,mnt->dmt", weights, (decided & truth).to(weights.dtype))
        return (
            hits,
            torch.einsum("dn,mnt->dmt", weights, decided.to(weights.dtype)),
            torch.einsum("dn,mnt->dmt", weights, truth.to(weights.dtype)),
        )
    found, classes, number = _classes(outputs, targets)
    right = found == classes
    size = weights @ F.one_hot(classes, number).to(weights.dtype)

    def chosen(some: Tensor) -> Tensor:
        """How often each class is chosen by some members, (D, m, K); the class beyond the last is none."""
        if len(weights) == 1:  # a sum for each class; no member and class is visited for nothing
            empty = torch.zeros(len(some), number + 1, dtype=weights.dtype, device=weights.device)
            return empty.scatter_add_(1, some, weights.expand(len(some), -1))[None, :, :number]
        table = F.one_hot(some.T, number + 1)[..., :number].to(weights.dtype)  # (N, m, K)
        counts: Tensor = (weights @ table.flatten(1)).unflatten(1, (len(some), number))
        return counts

    held = len(classes) * (1 if len(weights) == 1 else number + 1)
    none = torch.full_like(found, number)
    hits = in_pieces(torch.where(right, found, none), held, chosen)
    return hits, in_pieces(found, held, chosen), size[:, None]


def balanced_accuracy(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean recall over the classes that occur in the targets."""
    hits, _, size = _counts(outputs, targets, weights)
    return macro(share(hits, size), size > 0, 0.0)


def macro_f1(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean F1 over the classes, or labels, that occur in the targets or the decisions; 0 if none does.

    For labels this is scikit-learn's with `zero_division=nan`. For binary it is the mean of no and yes.
    """
    hits, decided, size = _counts(outputs, targets, weights)
    total = decided + size
    return macro(share(2 * hits, total), total > 0, 0.0)


def micro_f1(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The F1 of all decisions together; 0 without any yes. For classes it is the accuracy."""
    hits, decided, size = _counts(outputs, targets, weights)
    return share(2 * hits.sum(2), decided.sum(2) + size.sum(2))


def f1(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The F1 of yes; 0 where yes is neither true nor decided, as in scikit-learn."""
    hits, decided, size = _counts(outputs, targets, weights)
    return share(2 * hits, decided + size)[:, :, 1]


DECISIONS = (
    Metric("accuracy", ("multiclass", "binary"), accuracy),
    Metric("balanced_accuracy", ("multiclass", "binary"), balanced_accuracy),
    Metric("macro_f1", ("multiclass", "binary", "multilabel"), macro_f1),
    Metric("micro_f1", ("multiclass", "multilabel"), micro_f1),
    Metric("f1", ("binary",), f1),
    Metric("binary_accuracy", ("binary", "multilabel"), binary_accuracy),
    Metric("subset_accuracy", ("multilabel",), subset_accuracy),
)
