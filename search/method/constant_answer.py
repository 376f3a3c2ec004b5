"""What an answer that never looks at the inputs would score: a model below it has learnt nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from ...losses.kinds import kind_named
from ..metrics import Metric
from ..tasks.subject import Subject

SURE = 10.0  # a logit that leaves no doubt


def constant_score(subject: Subject, outputs: Tensor | None, targets: Tensor | None) -> float | None:
    """Return the score of the best constant answer, chosen on the training targets, on other targets.

    Args:
        subject: The task; None is returned for one that holds no data.
        outputs: Outputs (..., N, C) or (..., N) of models on the samples, for their shape.
        targets: Targets (N, ...) of the samples.
    """
    train = getattr(subject, "train", None)
    if train is None or outputs is None or targets is None:
        return None
    shape = outputs.shape[outputs.dim() - _own_dimensions(subject, targets) :]
    metric, known = subject.measure, train[1]
    answers = _answers(subject.kind, metric, known, shape)

    def scored(on: Tensor) -> Tensor:
        said = answers[:, None].expand(len(answers), len(on), *answers.shape[1:]).to(outputs.dtype)
        return metric.sign * metric(said, on.to(outputs.device))

    best = int(torch.nan_to_num(scored(known), nan=-torch.inf).argmax())
    value = metric.sign * float(scored(targets)[best])
    return value if value == value and abs(value) != torch.inf else None  # noqa: PLR0124  (NaN)


def _own_dimensions(subject: Subject, targets: Tensor) -> int:
    """The dimensions of one sample's outputs."""
    return targets.dim() - 1 + (kind_named(subject.kind).decision == "argmax")


def _answers(kind: str, metric: Metric, targets: Tensor, shape: torch.Size) -> Tensor:
    """Constant outputs to choose from, (A, *shape)."""
    known = kind_named(kind)
    if known.decision == "argmax":
        classes = shape[-1]
        counts = torch.bincount(targets.reshape(-1).clamp(min=0), minlength=classes).double()
        prior = (counts + 0.5).log()
        return torch.cat([prior[None], SURE * torch.eye(classes, dtype=torch.float64)]).expand(-1, *shape)
    values = targets.double()
    if known.decision == "cutoff":
        share = ((values > 0).double().sum(0) + 0.5) / (len(values) + 1)
        prior = (share / (1 - share)).log()
        rows = [prior, torch.full_like(prior, SURE), torch.full_like(prior, -SURE)]
    else:
        rows = [values.mean(0), values.median(0).values]
        if metric.quantile is not None:
            rows.append(values.quantile(metric.quantile, dim=0))
    return torch.stack([row.reshape(shape) for row in rows])
