"""A loss as a curve: what one sample costs and how hard it pulls, as its output goes from wrong to right."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ...losses import BoundLoss, LossSpec, part
from ...losses.family import in_full_precision, steps
from ...losses.frozen import folded
from ...losses.kinds import kind_named

MARGINS, RESIDUALS = 6.0, 4.0  # how far a curve reaches to either side
POINTS = 121
_CLASSES = 10  # where a loss does not know its number of classes


@dataclass(frozen=True)
class Curve:
    """The loss of one sample as its output goes from wrong to right.

    Attributes:
        case: Which samples, where it matters.
        weight: How often such a sample counts, relative to the mean over the training samples.
        x: For classification the margin, ln(p / (1 - p)) with p the probability of the true class; for
            regression the residual, prediction minus target, in units of the targets' spread.
        loss: What the sample costs at each `x`.
        pull: By how much a step of descent moves the output: above 0 it makes an answer surer. For regression
            the slope of the loss.
    """

    case: str
    weight: float
    x: tuple[float, ...]
    loss: tuple[float, ...]
    pull: tuple[float, ...]


def curves(spec: LossSpec) -> list[Curve]:
    """One curve, or one each for samples of a frequent and a rare class where the loss tells them apart.

    What is computed over a whole batch (a reduction, a batch-level term) is left out; a loss that consists of
    nothing else has no curve: an empty list. Raises `UserError` for a spec that lacks constants it reads.
    """
    single = spec = spec.bind()
    if kind_named(spec.kind).counts_nested and spec.class_counts is not None:
        single = replace(spec, class_counts=(spec.class_counts[0],))
    found = [curve for case, target in _cases(single) if (curve := _along(single, case, target))]
    alike = len(found) == 2 and all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
        for a, b in zip(_values(found[0]), _values(found[1]), strict=True)
    )
    return [replace(found[0], case="")] if alike else found


def _values(curve: Curve) -> tuple[float, ...]:
    return (*curve.loss, *curve.pull, curve.weight)


def _cases(spec: BoundLoss) -> Iterator[tuple[str, int]]:
    """What the samples are called, and their target."""
    counts: Any = spec.class_counts
    target = kind_named(spec.kind).target
    if target == "number":
        yield "", 0
    elif target == "class":
        sizes = [int(n) for n in counts or ()]
        if not sizes:
            yield "", 0
            return
        yield "frequent class", sizes.index(max(sizes))
        yield "rare class", sizes.index(min(sizes))
    else:
        yield "positives", 1
        yield "negatives", 0


def _along(spec: BoundLoss, case: str, target: int) -> Curve | None:
    classified = kind_named(spec.kind).classified
    reach = MARGINS if classified else RESIDUALS
    x = torch.linspace(-reach, reach, POINTS, dtype=torch.float64).requires_grad_()
    values = _steps(spec, *_samples(spec, x, target))
    if "loss" not in values:
        return None
    each = values["loss"]
    (slope,) = torch.autograd.grad(each.sum(), x)
    pull = -slope if classified else slope
    weight = float(values["weight"][0]) / _mean_weight(spec) if "weight" in values else 1.0
    return Curve(case, weight, *(tuple(v.detach().tolist()) for v in (x, each, pull)))


def _samples(spec: BoundLoss, x: Tensor, target: int) -> tuple[Tensor, Tensor]:
    kind = kind_named(spec.kind)
    if kind.target == "class":
        classes = len(spec.class_counts or ()) or _CLASSES
        # Against K - 1 logits of 0, a logit of x + ln(K - 1) has the margin x.
        others = torch.zeros(len(x), classes - 1, dtype=x.dtype)
        true = (x + math.log(classes - 1)).unsqueeze(1)
        outputs = torch.cat([others[:, :target], true, others[:, target:]], 1)
        return outputs, torch.full((len(x),), target)
    if kind.target == "number":
        scale = spec.target_scale or 1.0
        return x * scale, torch.zeros_like(x)
    outputs, targets = x * (2 * target - 1), torch.full_like(x, float(target))
    return (outputs.unsqueeze(1), targets.unsqueeze(1)) if kind.counts_nested else (outputs, targets)


def _steps(spec: BoundLoss, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """What the loss has computed when the batch is about to become one number: "loss" and "weight" (N,)."""
    content = folded(replace(spec, ignore_index=None, ignore_nan=False))
    chosen = [part(name) for name in spec.parts]
    ends = {p.function for p in chosen if p.stage in ("select", "reduce") or p.level == "batch"}
    outputs = in_full_precision(outputs)
    values = {"outputs": outputs, "logits": outputs, "targets": targets}
    values |= {name: value.to(outputs.dtype) for name, value in content.buffers.items()}
    if content.scale is not None:
        values["target_scale"] = torch.tensor(content.scale, dtype=outputs.dtype)
    for step in content.steps:
        if step.function in ends | {steps.mean, steps.weighted_mean}:
            break
        keywords = {keyword: spec.parameters[name] for keyword, name in step.parameters}
        values[step.outputs[0]] = step.function(*(values[name] for name in step.inputs), **keywords)
    return values


def _mean_weight(spec: BoundLoss) -> float:
    """The mean weight of a training sample, from one sample of every class."""
    if spec.class_counts is None:
        return 1.0
    counts = torch.tensor(spec.class_counts, dtype=torch.float64).flatten()
    zero = torch.zeros(1, dtype=torch.float64)
    weights = torch.cat([_steps(spec, *_samples(spec, zero, k))["weight"] for k in range(len(counts))])
    return float((weights * counts).sum() / counts.sum())
