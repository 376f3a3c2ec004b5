"""What counts: metrics of many members at once.

Every metric takes `outputs` (M, N, ...) of M members on the same N samples with their `targets` (N, ...)
and returns (M,). `prepare` reduces outputs to what the metric reads (class decisions, say), so that a
bootstrap over samples does that once. Each equals its namesake in scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..losses.parts import Kind


@dataclass(frozen=True)
class Metric:
    """A metric: `prepare` outputs once, `score` them against targets as often as needed."""

    name: str
    kinds: tuple[Kind, ...]
    greater_is_better: bool
    prepare: Callable[[Tensor], Tensor]
    score: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The metric of each member, (M,)."""
        return self.score(self.prepare(outputs), targets)

    @property
    def sign(self) -> int:
        """+1 when greater is better, -1 when smaller is."""
        return 1 if self.greater_is_better else -1


def _decide(outputs: Tensor) -> Tensor:
    return outputs.argmax(-1)


def _decide_sign(outputs: Tensor) -> Tensor:
    return (outputs > 0).flatten(2).squeeze(-1) if outputs.dim() > 2 else outputs > 0


def _predictions(outputs: Tensor) -> Tensor:
    return outputs.flatten(2).squeeze(-1) if outputs.dim() > 2 else outputs


def confusion(decisions: Tensor, targets: Tensor) -> Tensor:
    """Counts (M, K, K) of [true class, decided class]."""
    members = len(decisions)
    classes = int(max(int(decisions.max()), int(targets.max()))) + 1
    cell = targets * classes + decisions + torch.arange(members, device=targets.device)[:, None] * classes**2
    counts = torch.bincount(cell.flatten(), minlength=members * classes**2)
    return counts.view(members, classes, classes).double()


def accuracy(decisions: Tensor, targets: Tensor) -> Tensor:
    """The share of right decisions."""
    return (decisions == targets).double().flatten(1).mean(1)


def balanced_accuracy(decisions: Tensor, targets: Tensor) -> Tensor:
    """The mean recall over the classes that occur in the targets."""
    table = confusion(decisions, targets)
    size = table.sum(2)
    recall = table.diagonal(dim1=1, dim2=2) / size.clamp(min=1)
    return recall.sum(1) / (size > 0).sum(1)


def macro_f1(decisions: Tensor, targets: Tensor) -> Tensor:
    """The mean F1 over the classes that occur in the targets or the decisions."""
    table = confusion(decisions, targets)
    hits = table.diagonal(dim1=1, dim2=2)
    size = table.sum(1) + table.sum(2)
    return (2 * hits / size.clamp(min=1)).sum(1) / (size > 0).sum(1)


def rmse(predictions: Tensor, targets: Tensor) -> Tensor:
    """The root of the mean squared error."""
    return (predictions - targets).double().square().flatten(1).mean(1).sqrt()


def mae(predictions: Tensor, targets: Tensor) -> Tensor:
    """The mean absolute error."""
    return (predictions - targets).double().abs().flatten(1).mean(1)


def r2(predictions: Tensor, targets: Tensor) -> Tensor:
    """The share of the targets' variance that is explained, averaged over the target's dimensions."""
    predictions, targets = predictions.double(), targets.double()
    error = (predictions - targets).square().sum(1)
    spread = (targets - targets.mean(0)).square().sum(0)
    return (1 - error / spread).flatten(1).mean(1)


_ALL = (
    Metric("accuracy", ("multiclass",), True, _decide, accuracy),
    Metric("balanced_accuracy", ("multiclass",), True, _decide, balanced_accuracy),
    Metric("macro_f1", ("multiclass",), True, _decide, macro_f1),
    Metric("binary_accuracy", ("binary", "multilabel"), True, _decide_sign, accuracy),
    Metric("rmse", ("regression",), False, _predictions, rmse),
    Metric("mae", ("regression",), False, _predictions, mae),
    Metric("r2", ("regression",), True, _predictions, r2),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
