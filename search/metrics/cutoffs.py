"""Decisions tuned on held-out outputs: a threshold, one for each label, or an offset for each class.

Weighted losses move the cut-off of a decision and little else, so a usual loss with its own cut-off tuned is
what they have to beat (Collell, Prelec and Patil 2018, Neurocomputing 275).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...losses.kinds import Kind, kind_named
from ..random_streams import generator
from .metric import NUMBERS_AT_ONCE, Metric

STEPS = 48  # cut-offs tried at evenly spaced ranks, and as many again towards the two ends, where rarity cuts
FEWEST = 8  # of them for each column of many, so that many columns cost little more than one
PASSES = 2  # over the columns: the best offset of one class depends on those of the others
PARTS = 5


def shifted(outputs: Tensor, offsets: Tensor) -> Tensor:
    """Outputs with an offset added to each column.

    Args:
        outputs: Outputs (M, N) or (M, N, C) of M members.
        offsets: Offsets (M, C), C = 1 for outputs (M, N).
    """
    columns = outputs.reshape(*outputs.shape[:2], -1)
    return (columns + offsets[:, None].to(columns)).reshape(outputs.shape)


def tuned_offsets(metric: Metric, kind: Kind, outputs: Tensor, targets: Tensor) -> Tensor:
    """The offsets with which a metric of decisions is best on these samples, for each member by itself.

    Each column is tuned in turn, twice: its cut-off is placed between two neighbouring samples. Of equally
    good offsets the smallest is taken, so 0 where nothing is gained. Use the offsets on other samples: on
    these, the score is that of the best of many.

    Args:
        metric: A metric with `of_decisions`.
        kind: The kind of problem, whose decisions are by the largest output or by a cut-off at 0.
        outputs: Logits (M, N, K), (M, N), (M, N, 1) or (M, N, L) of M members.
        targets: Targets (N,) or (N, L).

    Returns:
        Offsets (M, C): a threshold's negative (C = 1), one for each label (C = L), or one for each class
        (C = K). `shifted` adds them.
    """
    largest = kind_named(kind).decision == "argmax"
    columns = outputs.reshape(*outputs.shape[:2], -1).double()
    steps = max(FEWEST, STEPS // columns.shape[2])
    some = max(1, NUMBERS_AT_ONCE // (2 * steps * columns[0].numel()))
    if len(outputs) > some:
        return torch.cat([tuned_offsets(metric, kind, part, targets) for part in outputs.split(some)])
    offsets = torch.zeros(len(columns), columns.shape[2], dtype=torch.float64, device=columns.device)
    best = metric(outputs, targets)
    for _ in range(PASSES):
        for column in range(columns.shape[2]):
            now = columns + offsets[:, None]
            cuts = _cuts(_margins(now, column, largest=largest), steps)  # (M, G)
            tried = now.repeat_interleave(cuts.shape[1], 0)
            tried[:, :, column] -= cuts.reshape(-1, 1)
            scores = metric(tried.reshape(-1, *outputs.shape[1:]), targets).view(cuts.shape)
            found, place = _best(metric.sign * scores, cuts.abs())
            better = found > metric.sign * best
            offsets[better, column] -= cuts.gather(1, place)[better, 0]
            best = torch.where(better, metric.sign * found, best)
        if columns.shape[2] == 1:
            break
    return offsets


def cross_fitted(metric: Metric, kind: Kind, outputs: Tensor, targets: Tensor, seed: int = 0) -> Tensor:
    """Outputs shifted by offsets that were tuned on other samples.

    The samples are dealt into parts, and the offsets for each part are tuned on the others; so the metric of
    the result is that of a tuned cut-off on samples it was not tuned on.

    Args:
        metric: A metric with `of_decisions`.
        kind: The kind of problem.
        outputs: Logits (M, N, ...) of M members on held-out samples.
        targets: Targets (N, ...).
        seed: Seeds the dealing.

    Returns:
        The shifted outputs, of the shape of `outputs`.
    """
    order = torch.randperm(len(targets), generator=generator("cut-offs", seed)).to(targets.device)
    if targets.dim() == 1:  # each part gets its share of each class
        order = order[targets[order].argsort(stable=True)]
    part = torch.empty_like(order)
    part[order] = torch.arange(len(order), device=order.device) % PARTS
    made = outputs.clone()
    for held in range(min(PARTS, len(targets))):
        inside = part == held
        offsets = tuned_offsets(metric, kind, outputs[:, ~inside], targets[~inside])
        made[:, inside] = shifted(outputs[:, inside], offsets)
    return made


def _margins(columns: Tensor, column: int, *, largest: bool) -> Tensor:
    """By how much each sample is decided for a column, (M, N): above 0 where it is."""
    own = columns[:, :, column]
    if not largest:
        return own
    others = columns.clone()
    others[:, :, column] = -torch.inf
    return own - others.amax(2)


def _cuts(margins: Tensor, steps: int) -> Tensor:
    """Cut-offs between neighbouring margins (M, N), at chosen ranks: (M, G)."""
    ranked = margins.sort(1).values
    last = margins.shape[1] - 2
    if last < 0:
        return torch.zeros(len(margins), 1, dtype=margins.dtype, device=margins.device)
    even = torch.linspace(0, last, steps)
    ends = torch.logspace(0, torch.log2(torch.tensor(float(last + 1))).item(), steps // 2, base=2) - 1
    ranks = torch.cat([even, ends, last - ends]).round().long().clamp(0, last).unique().to(margins.device)
    return (ranked[:, ranks] + ranked[:, ranks + 1]) / 2


def _best(scores: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """The largest score of each row (M, G), and the place (M, 1) of the smallest size among its equals."""
    top = torch.nan_to_num(scores, nan=-torch.inf).amax(1)
    place = torch.where(scores == top[:, None], sizes, torch.inf).argmin(1, keepdim=True)
    return top, place
