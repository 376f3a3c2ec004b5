"""What counts: metrics of many members at once.

Every metric takes `outputs` (M, N, ...) of M members on the same N samples with their `targets` (N, ...)
and returns (M,). `prepare` reduces outputs to what the metric reads (class decisions, say). `score`
takes `weights` (D, N), how often each sample counts in each of D draws, and returns (D, M): a bootstrap
over samples is one matrix product. Each metric equals its namesake in scikit-learn; binary_accuracy is
one minus its Hamming loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from ..losses.parts import Kind

NUMBERS_AT_ONCE = 1 << 24  # samples times classes times members that are held at a time


@dataclass(frozen=True)
class Metric:
    """A metric: `prepare` outputs once, `score` them against targets under as many weightings as needed."""

    name: str
    kinds: tuple[Kind, ...]
    prepare: Callable[[Tensor], Tensor]
    score: Callable[[Tensor, Tensor, Tensor], Tensor]
    greater_is_better: bool = True

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The metric of each member, (M,)."""
        everything = torch.ones(1, len(targets), dtype=torch.float64, device=outputs.device)
        return self.score(self.prepare(outputs), targets, everything)[0]

    @property
    def sign(self) -> int:
        """+1 when greater is better, -1 when smaller is."""
        return 1 if self.greater_is_better else -1


def _decide(outputs: Tensor) -> Tensor:
    return outputs.argmax(-1)


def _columns(values: Tensor) -> Tensor:
    """(M, N) or (M, N, T) as (M, N, T), in double precision where they are numbers."""
    wide = values.reshape(*values.shape[:2], -1)
    return wide.double() if wide.is_floating_point() else wide


def _decide_sign(outputs: Tensor) -> Tensor:
    return _columns(outputs) > 0


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean over the samples of `values` (M, N, T): (D, M, T)."""
    # Divided last: sums of whole numbers are exact, so equal decisions have equal scores.
    return torch.einsum("dn,mnt->dmt", weights, values.to(weights.dtype)) / weights.sum(1)[:, None, None]


def accuracy(decisions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of right decisions."""
    return _mean((decisions == targets)[:, :, None], weights).mean(2)


def binary_accuracy(decisions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of right decisions over samples and labels."""
    return _mean(decisions == _columns(targets[None]), weights).mean(2)


def _counts(decisions: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Right decisions (D, M, K), decisions (D, M, K) and targets (D, 1, K) of each class, weighted."""
    classes = int(max(int(decisions.max()), int(targets.max()))) + 1
    truth = F.one_hot(targets, classes).to(weights.dtype)
    hits, decided = [], []
    for some in decisions.split(max(1, NUMBERS_AT_ONCE // (len(targets) * classes))):
        chosen = F.one_hot(some.T, classes).to(weights.dtype)  # (N, m, K)
        hits.append((weights @ (chosen * truth[:, None]).flatten(1)).unflatten(1, (len(some), classes)))
        decided.append((weights @ chosen.flatten(1)).unflatten(1, (len(some), classes)))
    return torch.cat(hits, 1), torch.cat(decided, 1), (weights @ truth)[:, None]


def balanced_accuracy(decisions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean recall over the classes that occur in the targets."""
    hits, _, size = _counts(decisions, targets, weights)
    return (hits / size.clamp(min=1)).sum(2) / (size > 0).sum(2)


def macro_f1(decisions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean F1 over the classes that occur in the targets or the decisions."""
    hits, decided, size = _counts(decisions, targets, weights)
    total = decided + size
    return (2 * hits / total.clamp(min=1)).sum(2) / (total > 0).sum(2)


def rmse(predictions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The root of the mean squared error, averaged over the target's dimensions."""
    return _mean((predictions - _columns(targets[None])).square(), weights).sqrt().mean(2)


def mae(predictions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean absolute error, averaged over the target's dimensions."""
    return _mean((predictions - _columns(targets[None])).abs(), weights).mean(2)


def r2(predictions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of the targets' variance that is explained, averaged over the target's dimensions.

    Where targets do not vary it is 1 for predictions without error and 0 for others, as in scikit-learn.
    """
    truth = _columns(targets[None])
    error = _mean((predictions - truth).square(), weights)
    centred = truth - truth.mean(1, keepdim=True)  # a far mean would cost the variance its digits
    size = _mean(centred.square(), weights)
    variance = size - _mean(centred, weights).square()
    constant = variance <= 1e-12 * size  # what rounding leaves of zero
    explained = 1 - error / torch.where(constant, torch.ones_like(variance), variance)
    return torch.where(constant, (error == 0).to(error.dtype), explained).mean(2)


_ALL = (
    Metric("accuracy", ("multiclass",), _decide, accuracy),
    Metric("balanced_accuracy", ("multiclass",), _decide, balanced_accuracy),
    Metric("macro_f1", ("multiclass",), _decide, macro_f1),
    Metric("binary_accuracy", ("binary", "multilabel"), _decide_sign, binary_accuracy),
    Metric("rmse", ("regression",), _columns, rmse, greater_is_better=False),
    Metric("mae", ("regression",), _columns, mae, greater_is_better=False),
    Metric("r2", ("regression",), _columns, r2),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
