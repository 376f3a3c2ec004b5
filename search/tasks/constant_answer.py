"""What an answer that never looks at the inputs would score: a model below it has learnt nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...losses import Kind
from ...losses.kinds import kind_named
from ..metrics import Metric

SURE = 10.0  # a logit that leaves no doubt


def constant_score(kind: Kind, metric: Metric, known: Tensor, asked: Tensor) -> float | None:
    """Return the score of the best constant answer; None where it is no number.

    Args:
        kind: The kind of problem.
        metric: The metric.
        known: Training targets (N, ...), on which the answer is chosen.
        asked: Targets (N', ...) of the samples to score.
    """
    answers = _answers(kind, metric, known)

    def scored(on: Tensor) -> Tensor:
        said = answers[:, None].expand(len(answers), len(on), *answers.shape[1:])
        return metric.sign * torch.nan_to_num(metric(said, on), nan=-metric.sign * torch.inf)

    best = int(scored(known).argmax())
    value = metric.sign * float(scored(asked.to(known.device))[best])
    return value if math.isfinite(value) else None


def _answers(kind: Kind, metric: Metric, targets: Tensor) -> Tensor:
    """Constant outputs of one sample to choose from, (A, ...), as a model's would be shaped."""
    known = kind_named(kind)
    if known.decision == "argmax":
        counts = torch.bincount(targets.reshape(-1).clamp(min=0)).double()
        prior = (counts + 0.5).log()
        sure = SURE * torch.eye(len(prior), dtype=torch.float64)
        rows = torch.cat([prior[None], sure])
        return rows.reshape(len(rows), *(1 for _ in targets.shape[1:]), -1).expand(-1, *targets.shape[1:], -1)
    values = targets.double()
    if known.decision == "cutoff":
        share = ((values > 0).double().sum(0) + 0.5) / (len(values) + 1)
        prior = (share / (1 - share)).log()
        return torch.stack([prior, torch.full_like(prior, SURE), torch.full_like(prior, -SURE)])
    some = [values.mean(0), values.median(0).values]
    if metric.quantile is not None:
        some.append(values.quantile(metric.quantile, dim=0))
    return torch.stack(some)
