"""Metrics of decisions: the class with the largest logit, or positive where the logit is above 0."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from ...losses import Kind
from .metric import (
    Metric,
    Score,
    columns,
    in_pieces,
    is_multiclass,
    known_labels,
    labels_of,
    macro,
    mean,
    over_columns,
    share,
)


def _classes(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, int]:
    """Predicted classes (M, N), true classes (N,), and the number of classes; 0 is negative, 1 positive."""
    if is_multiclass(outputs, targets):
        return outputs.argmax(-1), targets, outputs.shape[-1]
    return (outputs.reshape(*outputs.shape[:2]) > 0).long(), targets.reshape(-1).long(), 2


def _answers(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Predictions (M, N, L) and truth (1, N, L), true for positive; both false where a label is missing."""
    predicted, there = columns(outputs) > 0, known_labels(targets)
    return predicted if there is None else predicted & there, labels_of(targets) > 0


def accuracy(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of correct predictions.

    Args:
        outputs: Logits (M, N, K), (M, N) or (M, N, L) of M members; positive is a logit above 0.
        targets: Class indices (N,), or zeros and ones (N,) or (N, L), -1 where a label is missing.
        weights: How often each sample counts in each of D draws, (D, N).
    """
    predicted, truth, _ = _classes(outputs, targets)
    return mean((predicted == truth)[:, :, None], weights)[:, :, 0]


def binary_accuracy(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of correct predictions over samples and labels: one minus the Hamming loss.

    Arguments as of `accuracy`.
    """
    (predicted, truth), there = _answers(outputs, targets), known_labels(targets)
    return over_columns(mean(predicted == truth, weights, there), there)


def subset_accuracy(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of samples whose known labels are all predicted correctly; arguments as of `accuracy`."""
    (predicted, truth), there = _answers(outputs, targets), known_labels(targets)
    some = None if there is None else there.any(1, keepdim=True)
    return mean((predicted == truth).all(2, keepdim=True), weights, some)[:, :, 0]


def _counts(outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """True positives (D, M, T), predictions (D, M, T) and samples (D, 1, T) of each class or label."""
    if targets.dim() > 1:
        predicted, truth = _answers(outputs, targets)
        hits = torch.einsum("dn,mnt->dmt", weights, (predicted & truth).to(weights.dtype))
        return (
            hits,
            torch.einsum("dn,mnt->dmt", weights, predicted.to(weights.dtype)),
            torch.einsum("dn,mnt->dmt", weights, truth.to(weights.dtype)),
        )
    found, classes, number = _classes(outputs, targets)
    correct = found == classes
    size = weights @ F.one_hot(classes, number).to(weights.dtype)

    def chosen(some: Tensor) -> Tensor:
        """How often each class is predicted by some members, (D, m, K); the class beyond the last is none."""
        if len(weights) == 1:  # a sum for each class; no member and class is visited for nothing
            empty = torch.zeros(len(some), number + 1, dtype=weights.dtype, device=weights.device)
            return empty.scatter_add_(1, some, weights.expand(len(some), -1))[None, :, :number]
        table = F.one_hot(some.T, number + 1)[..., :number].to(weights.dtype)  # (N, m, K)
        counts: Tensor = (weights @ table.flatten(1)).unflatten(1, (len(some), number))
        return counts

    held = len(classes) * (1 if len(weights) == 1 else number + 1)
    none = torch.full_like(found, number)
    hits = in_pieces(torch.where(correct, found, none), held, chosen)
    return hits, in_pieces(found, held, chosen), size[:, None]


def balanced_accuracy(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean recall over the classes that occur in the targets; arguments as of `accuracy`."""
    hits, _, size = _counts(outputs, targets, weights)
    return macro(share(hits, size), size > 0, 0.0)


def macro_f1(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean F1 over the classes, or labels, that occur in the targets or the predictions; 0 without any.

    For labels this is scikit-learn's with `zero_division=nan`. For binary it is the mean over negative and
    positive. Arguments as of `accuracy`.
    """
    hits, predicted, size = _counts(outputs, targets, weights)
    total = predicted + size
    return macro(share(2 * hits, total), total > 0, 0.0)


def micro_f1(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The F1 of all predictions together; 0 without any positive.

    For classes it is the accuracy. Arguments as of `accuracy`.
    """
    hits, predicted, size = _counts(outputs, targets, weights)
    return share(2 * hits.sum(2), predicted.sum(2) + size.sum(2))


def f1(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The F1 of the positive class; 0 where no sample is or is predicted positive, as in scikit-learn.

    Arguments as of `accuracy`.
    """
    hits, predicted, size = _counts(outputs, targets, weights)
    return share(2 * hits, predicted + size)[:, :, 1]


def _decided(name: str, kinds: tuple[Kind, ...], score: Score, *aliases: str) -> Metric:
    return Metric(name, kinds, score, of_decisions=True, aliases=aliases)


METRICS = (
    _decided("accuracy", ("multiclass", "binary"), accuracy, "acc"),
    _decided("balanced_accuracy", ("multiclass", "binary"), balanced_accuracy),
    _decided("macro_f1", ("multiclass", "binary", "multilabel"), macro_f1, "f1_macro"),
    _decided("micro_f1", ("multiclass", "multilabel"), micro_f1, "f1_micro"),
    _decided("f1", ("binary",), f1, "f1_score"),
    _decided("binary_accuracy", ("binary", "multilabel"), binary_accuracy, "hamming_loss"),
    _decided("subset_accuracy", ("multilabel",), subset_accuracy, "exact_match"),
)
