"""Metrics of the probabilities that logits mean: softmax over classes, sigmoid for binary and multilabel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from ...losses.declarations import CLASSIFICATION
from .metric import (
    Metric,
    Score,
    columns,
    in_pieces,
    is_multiclass,
    known_labels,
    labels_of,
    mean,
    over_columns,
)

BINS = 15


def log_loss(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean of -ln p, p the probability of the truth, averaged over labels; finite for finite logits.

    Args:
        outputs: Logits (M, N, K), (M, N) or (M, N, L) of M members.
        targets: Class indices (N,), or zeros and ones (N,) or (N, L), -1 where a label is missing.
        weights: How often each sample counts in each of D draws, (D, N).
    """
    if not is_multiclass(outputs, targets):
        truth, there = labels_of(targets), known_labels(targets)
        surprises = -F.logsigmoid(columns(outputs) * (2 * truth - 1))
        return over_columns(mean(surprises, weights, there), there)

    def surprise(some: Tensor) -> Tensor:
        log_p = torch.log_softmax(some.double(), -1)
        return mean(-log_p.gather(-1, targets[None, :, None].expand(len(some), -1, 1)), weights)[:, :, 0]

    return in_pieces(outputs, 2 * outputs[0].numel(), surprise)


def brier(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean squared error of the probabilities (Brier 1950): summed over classes, averaged over labels.

    As in scikit-learn it runs from 0 to 1 for binary, and to 2 for several classes.
    Arguments as of `log_loss`.
    """
    if not is_multiclass(outputs, targets):
        there = known_labels(targets)
        errors = (columns(outputs).sigmoid() - labels_of(targets)).square()
        return over_columns(mean(errors, weights, there), there)

    def error(some: Tensor) -> Tensor:
        wrong = torch.softmax(some.double(), -1) - F.one_hot(targets, some.shape[-1])
        return mean(wrong.square().sum(-1, keepdim=True), weights)[:, :, 0]

    return in_pieces(outputs, 3 * outputs[0].numel(), error)


def calibration_error(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The expected calibration error over 15 equal bins of the probability; arguments as of `log_loss`.

    sum_b (n_b / n) |share of b that is true - mean probability in b|, where bin b holds the probabilities in
    (b/15, (b+1)/15], the first one 0 too. With several classes the probability is that of the predicted one,
    and a correct prediction is true (Guo et al. 2017, arXiv 1706.04599); for binary it is the probability of
    positive (Naeini et al. 2015). Over several labels it is their mean. Bins without samples add nothing.
    """
    multiclass = is_multiclass(outputs, targets)
    truth = None if multiclass else labels_of(targets)
    there = None if multiclass else known_labels(targets)

    def gaps(some: Tensor) -> Tensor:
        """The sum over the bins, (D, m)."""
        if truth is None:
            sure, predicted = torch.softmax(some.double(), -1).max(-1, keepdim=True)
            correct = (predicted[..., 0] == targets)[..., None].double()
        else:
            sure, correct = columns(some).sigmoid(), truth
        bins = (sure * BINS).ceil().long().sub(1).clamp(0, BINS - 1)
        off = torch.zeros(*bins.shape, BINS, dtype=sure.dtype, device=sure.device)
        off.scatter_(3, bins[..., None], (correct - sure)[..., None])  # (m, N, T, BINS)
        if there is None:
            total = torch.einsum("dn,mntb->dmtb", weights, off) / weights.sum(1)[:, None, None, None]
        else:
            counted = (weights @ there.to(weights.dtype))[:, None, :, None]
            total = torch.einsum("dn,mntb->dmtb", weights, off * there[..., None]) / counted
        return over_columns(total.abs().sum(3), there)

    width = 1 if multiclass else outputs[0, 0].numel()
    return in_pieces(outputs, len(targets) * width * BINS * 2 + outputs[0].numel(), gaps)


def _error(name: str, score: Score, *aliases: str) -> Metric:
    return Metric(name, CLASSIFICATION, score, greater_is_better=False, aliases=aliases)


METRICS = (
    _error("log_loss", log_loss, "bce", "cross_entropy", "nll"),
    _error("brier", brier, "brier_score"),
    _error("calibration_error", calibration_error, "ece"),
)
