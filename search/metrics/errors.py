"""Metrics of predicted numbers; over several dimensions of the target, the mean of theirs.

Targets that are missing (NaN) do not count.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .metric import Metric, Score, columns, in_pieces, known_numbers, mean, over_columns, truth_of


def _residuals(outputs: Tensor, targets: Tensor) -> Tensor:
    """Predictions minus targets, (M, N, T)."""
    return columns(outputs) - truth_of(targets)


def _mean(values: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean over the samples whose targets are known_numbers, and over the dimensions: (D, M)."""
    there = known_numbers(targets)
    return over_columns(mean(values, weights, there), there)


def rmse(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The root of the mean squared error.

    Args:
        outputs: Predictions (M, N) or (M, N, D') of M members.
        targets: Numbers (N,) or (N, D'), NaN where they are missing.
        weights: How often each sample counts in each of D draws, (D, N).
    """
    there = known_numbers(targets)
    return over_columns(mean(_residuals(outputs, targets).square(), weights, there).sqrt(), there)


def mae(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean absolute error; arguments as of `rmse`."""
    return _mean(_residuals(outputs, targets).abs(), targets, weights)


def median_ae(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The median absolute error: half of the weight lies on either side, the middle of two that share it.

    Arguments as of `rmse`.
    """
    errors, there = _residuals(outputs, targets).abs(), known_numbers(targets)
    members, samples, width = errors.shape

    def medians(some: Tensor) -> Tensor:
        """Of rows (R, N), (D, R); an error below 0 counts nothing."""
        ranked, order = some.sort(1)
        drawn = weights[:, order] if there is None else weights[:, order] * (ranked >= 0)
        below = drawn.cumsum(2)
        half = below[:, :, -1:] / 2
        # A sum of fractions may miss the half that it means by its rounding.
        slack = 1e-12 * half
        low = (below < half - slack).sum(2).clamp(max=samples - 1)
        high = (below <= half + slack).sum(2).clamp(max=samples - 1)
        spread = ranked.expand(len(weights), -1, -1)
        return (spread.gather(2, low[..., None]) + spread.gather(2, high[..., None]))[..., 0] / 2

    if there is not None:
        errors = torch.where(there, errors, -1.0)
    rows = errors.transpose(1, 2).reshape(members * width, samples)
    found = in_pieces(rows, 2 * weights.numel(), medians).view(-1, members, width)
    if there is not None:
        found = found.masked_fill((weights @ there.to(weights.dtype) == 0)[:, None], torch.nan)
    return over_columns(found, there)


def r2(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of the targets' variance that is explained.

    Where targets do not vary it is 1 for predictions without error and 0 for others, as in scikit-learn.
    Arguments as of `rmse`.
    """
    truth, there = truth_of(targets), known_numbers(targets)
    error = mean(_residuals(outputs, targets).square(), weights, there)
    centred = truth - truth.mean(1, keepdim=True)  # a far mean would cost the variance its digits
    size = mean(centred.square(), weights, there)
    variance = size - mean(centred, weights, there).square()
    constant = variance <= 1e-12 * size  # what rounding leaves of zero
    explained = 1 - error / torch.where(constant, torch.ones_like(variance), variance)
    return over_columns(torch.where(constant, (error == 0).to(error.dtype), explained), there)


def pinball(quantile: float) -> Metric:
    """The pinball loss of a quantile, `pinball@0.9` (Koenker and Bassett 1978).

    A target above the prediction costs `quantile` a unit, a target below it 1 - `quantile`.

    Args:
        quantile: The quantile, in (0, 1).
    """

    def score(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        over = _residuals(outputs, targets)
        return _mean(torch.maximum(-quantile * over, (1 - quantile) * over), targets, weights)

    name, kinds = f"pinball@{quantile:g}", ("regression",)
    other = ("mean_pinball_loss",)
    return Metric(name, kinds, score, greater_is_better=False, quantile=quantile, aliases=other)


def _error(name: str, score: Score, *aliases: str) -> Metric:
    return Metric(name, ("regression",), score, greater_is_better=False, aliases=aliases)


METRICS = (
    _error("rmse", rmse, "mse", "root_mean_squared_error"),
    _error("mae", mae, "mean_absolute_error"),
    _error("median_ae", median_ae, "median_absolute_error"),
    Metric("r2", ("regression",), r2, aliases=("r2_score",)),
)
OF_QUANTILES = {"pinball": pinball}
