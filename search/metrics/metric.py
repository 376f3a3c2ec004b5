"""What a metric is, and what the families of metrics share.

Shapes: M members have `outputs` (M, N, ...) on the same N samples with `targets` (N, ...). `weights` (D, N)
say how often each sample counts in each of D draws; a score is (D, M). T is the number of columns there are
besides the samples: classes, labels, or numbers to predict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...losses import Kind

NUMBERS_AT_ONCE = 1 << 22  # that a metric holds at a time, for all members and draws of a piece
Score = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Metric:
    """A metric of the kinds of problem it is defined for.

    Attributes:
        name: What SPEC files, Python and the report call the metric.
        kinds: The kinds of problem it is defined for.
        score: Takes outputs, targets and weights, and returns (D, M): a bootstrap over samples is one call.
        greater_is_better: Whether the best score is the largest.
        batched: Whether many weightings cost little. Otherwise `score` calls a user's function for each
            member and each draw.
        quantile: The quantile in (0, 1) that predictions have to be for the best score, where it is one.
        of_decisions: Whether the metric reads decisions alone (the class with the largest logit, or positive
            where the logit is above 0), so that a threshold or class offsets can change its score.
        takes_weights: Whether samples may count by fractions, as `sample_weight` asks for.
        aliases: What other libraries call the metric, in lower case.
    """

    name: str
    kinds: tuple[Kind, ...]
    score: Score
    greater_is_better: bool = True
    batched: bool = True
    quantile: float | None = None
    of_decisions: bool = False
    takes_weights: bool = True
    aliases: tuple[str, ...] = ()

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The metric of each member.

        Args:
            outputs: Outputs (M, N, ...) of M members.
            targets: Targets (N, ...).

        Returns:
            The scores (M,), in double precision.
        """
        once = torch.ones(1, len(targets), dtype=torch.float64, device=outputs.device)
        return self.score(outputs, targets, once)[0]

    def weighted(self, weights: Tensor | None) -> Metric:
        """The same metric, in which each sample counts as much as its weight says; None for alike.

        Args:
            weights: Weights (N,) of the samples that the metric will be asked about, at least 0.
        """
        if weights is None:
            return self
        own = self.score
        return replace(self, score=lambda o, t, w: own(o, t, w * weights.to(w)))

    def in_units(self, mean: Sequence[float] | float, spread: Sequence[float] | float) -> Metric:
        """The same metric of standardised predictions and targets, computed in the targets' own units.

        Args:
            mean: What was taken off the targets before they were divided by `spread`, a number or (D,).
            spread: What they were divided by, a number or (D,).
        """
        return replace(self, score=partial(_in_units, self.score, mean, spread))

    @property
    def sign(self) -> int:
        """+1 when greater is better, -1 when smaller is."""
        return 1 if self.greater_is_better else -1


def _in_units(
    score: Score, mean: Any, spread: Any, outputs: Tensor, targets: Tensor, weights: Tensor
) -> Tensor:
    centre, scale = (torch.as_tensor(v, dtype=torch.float64, device=outputs.device) for v in (mean, spread))
    return score(outputs.double() * scale + centre, targets.double() * scale + centre, weights)


def reported(name: str, kind: Kind, *, greater_is_better: bool) -> Metric:
    """The metric whose values a training function returns; nothing is computed from outputs.

    Args:
        name: The name of what the function returns.
        kind: The kind of problem.
        greater_is_better: Whether the best value is the largest.
    """

    def score(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        raise NotImplementedError(f"{name} is what a training function returns")

    return Metric(name, (kind,), score, greater_is_better, batched=False)


def columns(values: Tensor) -> Tensor:
    """(M, N) or (M, N, T) as (M, N, T), in double precision."""
    return values.reshape(*values.shape[:2], -1).double()


def is_multiclass(outputs: Tensor, targets: Tensor) -> bool:
    """Whether outputs are logits of several classes.

    Args:
        outputs: Outputs (M, N, ...) of M members.
        targets: Targets (N, ...); classes have outputs (M, N, K) with K > 1 beside targets (N,).
    """
    return outputs.dim() == targets.dim() + 2 and outputs.shape[-1] > 1


def known_numbers(targets: Tensor) -> Tensor | None:
    """True where a number is not missing, that is NaN, (N, T); None where none is missing."""
    if targets.dim() < 2 or not targets.is_floating_point():
        return None
    missing = targets.reshape(len(targets), -1).isnan()
    return ~missing if bool(missing.any()) else None


def known_labels(targets: Tensor) -> Tensor | None:
    """True where a label is not missing, that is -1, (N, T); None where none is missing."""
    if targets.dim() < 2:
        return None
    there = targets.reshape(len(targets), -1) >= 0
    return None if bool(there.all()) else there


def labels_of(targets: Tensor) -> Tensor:
    """Targets (N, ...) of labels as (1, N, T) in double precision, 0 where they are missing."""
    return columns(targets[None]).clamp(min=0)


def truth_of(targets: Tensor) -> Tensor:
    """Targets (N, ...) as (1, N, T) in double precision, 0 where they are missing."""
    return torch.nan_to_num(columns(targets[None]), nan=0.0)


def mean(values: Tensor, weights: Tensor, there: Tensor | None = None) -> Tensor:
    """The weighted mean over the samples, (D, M, T); NaN for a column of which nothing counts.

    Args:
        values: (M, N, T).
        weights: How often each sample counts in each draw, (D, N).
        there: Where targets are not missing, (N, T) or (N, 1); None for everywhere.
    """
    # Divided last: sums of whole numbers are exact, so equal decisions have equal scores.
    values = values.to(weights.dtype)
    if there is None:
        return torch.einsum("dn,mnt->dmt", weights, values) / weights.sum(1)[:, None, None]
    total = weights @ there.to(weights.dtype)  # (D, T)
    return torch.einsum("dn,mnt->dmt", weights, values * there) / total[:, None]


def over_columns(values: Tensor, there: Tensor | None) -> Tensor:
    """The mean over columns, (D, M).

    Args:
        values: One value for each draw, member and column, (D, M, T).
        there: Where targets are not missing, (N, T): columns without any have a NaN and do not count. None
            where all are there.
    """
    return values.mean(2) if there is None else values.nanmean(2)


def macro(values: Tensor, counts: Tensor, empty: float) -> Tensor:
    """The mean over those columns that count, (D, M).

    Args:
        values: One value for each draw, member and column, (D, M, T).
        counts: Which of them count, of a shape that expands to theirs.
        empty: The result where no column counts.
    """
    counted = counts.expand_as(values)
    total = torch.where(counted, values, torch.zeros_like(values)).sum(2)
    number = counted.sum(2)
    return torch.where(number > 0, total / number.clamp(min=1), torch.full_like(total, empty))


def share(part: Tensor, whole: Tensor) -> Tensor:
    """One number as a share of another, elementwise; 0 where the whole is 0.

    Args:
        part: The numbers.
        whole: What they are a share of, of the same shape.
    """
    return part / torch.where(whole > 0, whole, torch.ones_like(whole))


def in_pieces(rows: Tensor, held: int, score: Callable[[Tensor], Tensor]) -> Tensor:
    """The scores of rows, computed for some of them at a time and joined along axis 1.

    Args:
        rows: The rows, along axis 0.
        held: How many numbers each row holds while it is scored.
        score: Scores some of the rows.
    """
    return torch.cat([score(some) for some in rows.split(max(1, NUMBERS_AT_ONCE // max(1, held)))], 1)
