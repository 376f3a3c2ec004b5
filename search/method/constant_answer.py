"""What an answer that never looks at the inputs would score: a model below it has learnt nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...losses.kinds import kind_named
from ..metrics import Metric
from ..tasks.subject import Subject
from ..tasks.task import Task

SURE = 10.0  # a logit that leaves no doubt


def constant_score(subject: Subject, targets: Tensor | None = None) -> float | None:
    """Return the score of the best constant answer, which is chosen on the training targets.

    Args:
        subject: The task; None is returned for one that holds no data.
        targets: Targets (N, ...) of the samples to score; None for those of the validation part, or of the
            training part where there is none.
    """
    if not isinstance(subject, Task):  # a training function's `train` is the function
        return None
    train, validation = subject.train, subject.validation
    known, metric = train[1], subject.measure
    asked = (train if validation is None else validation)[1] if targets is None else targets
    answers = _answers(subject.kind, metric, known)

    def scored(on: Tensor) -> Tensor:
        said = answers[:, None].expand(len(answers), len(on), *answers.shape[1:])
        return metric.sign * torch.nan_to_num(metric(said, on), nan=-metric.sign * torch.inf)

    best = int(scored(known).argmax())
    value = metric.sign * float(scored(asked.to(known.device))[best])
    return value if math.isfinite(value) else None


def _answers(kind: str, metric: Metric, targets: Tensor) -> Tensor:
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
