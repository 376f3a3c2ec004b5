"""What counts: metrics of many members at once.

Every metric takes `outputs` (M, N, ...) of M members on the same N samples with their `targets` (N, ...)
and returns (M,). `prepare` reduces outputs to what the metric reads (class decisions, say). `score`
takes `weights` (D, N), how often each sample counts in each of D draws, and returns (D, M): a bootstrap
over samples is one matrix product. Each metric equals its namesake in scikit-learn.
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
    greater_is_better: bool
    prepare: Callable[[Tensor], Tensor]
    score: Callable[[Tensor, Tensor, Tensor], Tensor]

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


def _decide_sign(outputs: Tensor) -> Tensor:
    return _values(outputs) > 0


def _values(outputs: Tensor) -> Tensor:
    """Outputs (M, N) or (M, N, D); a trailing dimension of one is dropped."""
    return outputs.squeeze(-1) if outputs.dim() == 3 and outputs.shape[-1] == 1 else outputs


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean over the samples of `values` (M, N, ...), which are averaged over the rest first: (D, M)."""
    per_sample = values.double().flatten(2).mean(2) if values.dim() > 2 else values.double()
    return weights @ per_sample.T / weights.sum(1, keepdim=True)


def accuracy(decisions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of right decisions."""
    return _mean(decisions == targets, weights)


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
    """The root of the mean squared error."""
    return _mean((predictions - targets).square(), weights).sqrt()


def mae(predictions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean absolute error."""
    return _mean((predictions - targets).abs(), weights)


def r2(predictions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The share of the targets' variance that is explained, averaged over the target's dimensions."""
    wide = targets.double().reshape(len(targets), -1)
    share = weights / weights.sum(1, keepdim=True)
    spread = share @ wide.square() - (share @ wide).square()  # (D, T)
    error = (
        predictions.double().flatten(2) if predictions.dim() > 2 else predictions.double().unsqueeze(2)
    ) - wide
    return (1 - torch.einsum("dn,mnt->dmt", share, error.square()) / spread[:, None]).mean(2)


_ALL = (
    Metric("accuracy", ("multiclass",), True, _decide, accuracy),
    Metric("balanced_accuracy", ("multiclass",), True, _decide, balanced_accuracy),
    Metric("macro_f1", ("multiclass",), True, _decide, macro_f1),
    Metric("binary_accuracy", ("binary", "multilabel"), True, _decide_sign, accuracy),
    Metric("rmse", ("regression",), False, _values, rmse),
    Metric("mae", ("regression",), False, _values, mae),
    Metric("r2", ("regression",), True, _values, r2),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
