"""What a difference between losses is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .metrics import Metric
from .streams import generator

DRAWS = 2000
ROUNDING = 1e-12  # of a score: a matrix product may round equal columns differently


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """The sample standard deviation; 0 for a single value."""
    if len(values) < 2:
        return 0.0
    centre = mean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1))


def standard_errors(differences: Sequence[float]) -> float:
    """The mean of paired differences in units of its standard error; infinite where they do not vary.

    A single difference has no standard error, and so is worth nothing: 0.
    """
    if len(differences) < 2:
        return 0.0
    centre, error = mean(differences), deviation(differences) / math.sqrt(len(differences))
    if error == 0:
        return math.copysign(math.inf, centre) if centre else 0.0
    return centre / error


@dataclass(frozen=True)
class Comparison:
    """A mean paired difference with its 95% interval and two-sided p-value."""

    difference: float
    ci_low: float
    ci_high: float
    p_value: float


def bootstrap_scores(
    metric: Metric, outputs: Tensor, targets: Tensor, seed: int, draws: int = DRAWS
) -> Tensor:
    """Mean scores of losses under resampled refits and resampled test samples, (draws, losses).

    `outputs` is (losses, refits, N, ...) with refits paired over losses (same seed, same position).
    Each draw takes refits and test samples with replacement, the same ones for every loss: the two
    sources of error a reader of the verdict cares about, what another training run and what another
    test set would have given.
    """
    losses, refits, samples = outputs.shape[:3]
    draw = generator(seed, "bootstrap")
    test = _resampled(draws, samples, draw)
    scores = metric.score(metric.prepare(outputs.flatten(0, 1)), targets, test).view(draws, losses, refits)
    return torch.einsum("dlr,dr->dl", scores, _resampled(draws, refits, draw) / refits)


def _resampled(draws: int, count: int, draw: torch.Generator) -> Tensor:
    """How often each of `count` things is taken when `count` are drawn with replacement, (draws, count)."""
    chosen = torch.randint(count, (draws, count), generator=draw)
    return torch.zeros(draws, count, dtype=torch.float64).scatter_add_(
        1, chosen, torch.ones(draws, count, dtype=torch.float64)
    )


def compare(scores: Tensor, winner: int, other: int, difference: float, sign: int) -> Comparison:
    """The winner minus the other: `difference` as measured, its interval from the bootstrapped `scores`."""
    if winner == other:
        return Comparison(0.0, 0.0, 0.0, 1.0)
    one, two = scores[:, winner], scores[:, other]
    drawn = one - two
    drawn[drawn.abs() <= ROUNDING * torch.maximum(one.abs(), two.abs())] = 0
    low, high = torch.quantile(drawn, torch.tensor([0.025, 0.975], dtype=drawn.dtype)).tolist()
    against = sign * drawn
    tail = min(int((against <= 0).sum()), int((against >= 0).sum()))
    return Comparison(difference, low, high, min(1.0, 2 * (tail + 1) / (len(drawn) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
