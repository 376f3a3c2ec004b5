"""Formulas whose textbook form loses digits or gradients; one cure each.

Near a removable singularity a Taylor polynomial takes over. The quotient is computed at a harmless point
there, for `where` lets a NaN gradient through from the branch not taken.
"""

from __future__ import annotations

import torch
from torch import Tensor

Number = float | Tensor


def number_like(value: Number, like: Tensor) -> Tensor:
    """`value` as a 0-d tensor with the dtype and the device of `like`.

    `torch.as_tensor` would copy it from the host, which waits for a GPU and cannot be in a CUDA graph.

    Args:
        value: A number, or a 0-d tensor of any dtype and device.
        like: A tensor of the wanted dtype and device.
    """
    if isinstance(value, Tensor):
        return value.to(like)
    return torch.full((), value, dtype=like.dtype, device=like.device)


def relative_expm1(x: Tensor) -> Tensor:
    """(exp(x) - 1) / x, equal to 1 at 0, with a finite gradient everywhere.

    The polynomial serves |x| < 1e-3, where its error is under 1e-14.
    """
    small = x.abs() < 1e-3
    safe = torch.where(small, torch.ones_like(x), x)
    return torch.where(small, 1 + x / 2 * (1 + x / 3 * (1 + x / 4)), torch.expm1(safe) / safe)


def relative_log1p(x: Tensor) -> Tensor:
    """ln(1 + x) / x for x > -1, equal to 1 at 0, with a finite gradient everywhere.

    The polynomial serves |x| < 1e-3, where its error is under 2e-16.
    """
    small = x.abs() < 1e-3
    safe = torch.where(small, torch.ones_like(x), x)
    series = 1 - x * (1 / 2 - x * (1 / 3 - x * (1 / 4 - x * (1 / 5))))
    return torch.where(small, series, torch.log1p(safe) / safe)


def log1m_exp(x: Tensor) -> Tensor:
    """ln(1 - exp(x)) for x <= 0; -69 (ln 1e-30) at 0, with a finite gradient everywhere."""
    return torch.log(-torch.expm1(x.clamp(max=-1e-30)))


def ranked_before(probabilities: Tensor, counted: Tensor, temperature: float | Tensor) -> Tensor:
    """[i, j]: by how much sample j is ranked before sample i in each of M columns, (N, N, M).

    A step from 0 to how much j counts as `temperature` -> 0. A sample is not before itself.

    Args:
        probabilities: (N, M).
        counted: How much each counts, (N, M) or (N, 1): 0 for what is ignored.
        temperature: Above 0; over how much of a probability the step is spread.
    """
    ahead = torch.sigmoid((probabilities.unsqueeze(0) - probabilities.unsqueeze(1)) / temperature)
    other = 1 - torch.eye(probabilities.shape[0], dtype=ahead.dtype, device=ahead.device).unsqueeze(-1)
    return ahead * other * counted.unsqueeze(0)


def mean_where(values: Tensor, there: Tensor) -> Tensor:
    """The mean of some values, (); 0 where there is none.

    Args:
        values: Of any shape.
        there: True where a value counts, likewise.
    """
    return torch.where(there, values, 0).sum() / there.sum().clamp(min=1)


def shortfall(score: Tensor, positive: Tensor) -> Tensor:
    """1 - the mean score of the positives of a column, averaged over the columns that have a positive, ().

    Args:
        score: In [0, 1], (N, M).
        positive: How much each positive counts, (N, M); 0 for all else.
    """
    size = positive.sum(0)
    there = size > 0
    return mean_where(1 - (score * positive).sum(0) / torch.where(there, size, 1), there)


def worst(loss: Tensor, weight: Tensor, share: Number) -> Tensor:
    """The weights (N,) of the worst `share` of their sum, the last sample in part; 0 for the others.

    Args:
        loss: (N,).
        weight: (N,), at least 0.
        share: In [0, 1].
    """
    order = loss.detach().argsort(descending=True, stable=True)
    worst_first = weight[order]
    above = worst_first.cumsum(0) - worst_first
    taken = torch.minimum((share * weight.sum() - above).clamp(min=0), worst_first)
    return torch.zeros_like(weight).scatter(0, order, taken)
