"""Metrics of the order in which outputs put the samples.

With several classes each is set against the rest, and with several labels each is taken by itself; the mean
over them counts those that have positives and negatives (for average precision: positives).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from .metric import Metric, columns, in_pieces, is_multiclass, known_labels, labels_of, macro, share

DIGITS = 10  # decimals of ln p that tell two samples apart; further ones are rounding
LN_2 = math.log(2)
Area = Callable[[Tensor, Tensor, "_Ties | None"], Tensor]


def auroc(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The area under the ROC curve, ties counting half; 0.5 where no class has both.

    It is the probability that a positive is ranked before a negative (Hanley and McNeil 1982).

    Args:
        outputs: Logits (M, N, K), (M, N) or (M, N, L) of M members.
        targets: Class indices (N,), or zeros and ones (N,) or (N, L), -1 where a label is missing.
        weights: How often each sample counts in each of D draws, (D, N).
    """
    return _macro(outputs, targets, weights, _area, empty=0.5, both=True)


def average_precision(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean precision at each positive, over the steps of the recall; 0 where no class has a positive.

    Tied samples enter together, as in scikit-learn. Over classes or labels the mean is known as mAP.
    Arguments as of `auroc`.
    """
    return _macro(outputs, targets, weights, _precision, empty=0.0, both=False)


def _macro(
    outputs: Tensor,
    targets: Tensor,
    weights: Tensor,
    area: Area,
    *,
    empty: float,
    both: bool,
) -> Tensor:
    """`area` of every member and column, and their mean over the columns that have one."""
    truth, there = _truth(outputs, targets), known_labels(targets)
    scores = in_pieces(outputs, outputs[0].numel(), lambda some: _scores(some, targets)[None])[0]
    members, _, width = scores.shape
    rows = scores.transpose(1, 2).reshape(members * width, -1)
    counted = None if there is None else there.to(truth.dtype)
    parts = [truth] if counted is None else [truth, counted]
    labelled = torch.stack([rows, *(part.T.repeat(members, 1) for part in parts)], 1)
    found = in_pieces(labelled, 4 * weights.numel(), lambda some: _under(area, some, weights))
    counts = weights @ truth > 0
    if both:
        counts &= weights @ ((1 if counted is None else counted) - truth) > 0
    return macro(found.view(-1, members, width), counts[:, None], empty)


def _truth(outputs: Tensor, targets: Tensor) -> Tensor:
    """1 for positive and 0 for negative, (N, T)."""
    if is_multiclass(outputs, targets):
        return F.one_hot(targets, outputs.shape[-1]).double()
    return labels_of(targets)[0]


def _scores(outputs: Tensor, targets: Tensor) -> Tensor:
    """What orders the samples in each column, (M, N, T): the logit, or a rising function of p.

    For classes it is ln p up to a half and ln(1/4) - ln(1 - p) from there, for the p near one of confident
    models are all the same number in any precision.
    """
    logits = columns(outputs)
    if not is_multiclass(outputs, targets):
        return logits
    log_p = torch.log_softmax(logits, -1)
    likeliest, top = log_p.max(-1, keepdim=True)  # no other class can be above a half
    log_not_p = torch.logsumexp(log_p.scatter(-1, top, -torch.inf), -1, keepdim=True)
    surer = torch.where(likeliest > -LN_2, -2 * LN_2 - log_not_p, likeliest)
    return log_p.scatter(-1, top, surer).round(decimals=DIGITS)


def _under(area: Area, labelled: Tensor, weights: Tensor) -> Tensor:
    """`area` of each row, (D, R).

    Args:
        area: Takes how often samples count, how often as positives, and what is tied; all ranked.
        labelled: The samples' scores and their truth, and what counts where not all does: (R, 2 or 3, N).
        weights: How often each sample counts in each draw, (D, N).
    """
    scores, truth, *counted = labelled.unbind(1)
    order = _descending(scores)
    ranked = scores.gather(1, order)
    drawn = weights[:, order]  # (D, R, N)
    for one in counted:
        drawn = drawn * one.gather(1, order)
    positive = drawn * truth.gather(1, order)
    differs = ranked[:, 1:] != ranked[:, :-1]
    return area(drawn, positive, None if bool(differs.all()) else _groups(differs))


def _descending(scores: Tensor) -> Tensor:
    """The places of each row's scores (R, N), the largest first; of equal ones in any order."""
    if scores.is_cuda:
        return scores.argsort(1, descending=True)
    return torch.from_numpy(np.argsort(-scores.numpy(), axis=1))  # three times as fast as torch's, on a CPU


@dataclass(frozen=True)
class _Ties:
    """For each place in ranked rows (R, N), those of the first and the last sample that is tied with it."""

    starts: Tensor
    ends: Tensor

    def at_start(self, values: Tensor) -> Tensor:
        """Each value (D, R, N) replaced by the first of its group."""
        return values.gather(2, self.starts.expand_as(values))

    def at_end(self, values: Tensor) -> Tensor:
        """Each value (D, R, N) replaced by the last of its group."""
        return values.gather(2, self.ends.expand_as(values))


def _groups(differs: Tensor) -> _Ties:
    """The groups of tied samples, where each `differs` from the next (R, N - 1) or does not."""
    count = differs.shape[1] + 1
    places = torch.arange(count, device=differs.device).expand(len(differs), -1)
    starts = torch.where(F.pad(differs, (1, 0), value=True), places, 0).cummax(1).values
    last = torch.where(F.pad(differs, (0, 1), value=True), places, count)
    return _Ties(starts, last.flip(1).cummin(1).values.flip(1))


def _area(drawn: Tensor, positive: Tensor, ties: _Ties | None) -> Tensor:
    """For each negative: positives ranked before it, plus half of the positives tied with it."""
    reached = positive.cumsum(2)
    before = reached - positive
    counted = before + reached if ties is None else ties.at_start(before) + ties.at_end(reached)
    negative = drawn - positive
    return share((negative * counted).sum(2) / 2, positive.sum(2) * negative.sum(2))


def _precision(drawn: Tensor, positive: Tensor, ties: _Ties | None) -> Tensor:
    """For each positive: the share of positives among the samples that are ranked no later."""
    precision = share(positive.cumsum(2), drawn.cumsum(2))
    precision = precision if ties is None else ties.at_end(precision)
    return share((positive * precision).sum(2), positive.sum(2))


METRICS = (
    Metric("auroc", ("binary", "multiclass", "multilabel"), auroc, aliases=("auc", "roc_auc")),
    Metric("mAP", ("multiclass", "multilabel"), average_precision, aliases=("map", "mean_average_precision")),
    Metric("average_precision", ("binary", "multiclass", "multilabel"), average_precision, aliases=("ap",)),
)
