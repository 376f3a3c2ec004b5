"""That a sample counts as much as its weight says."""

from __future__ import annotations

import torch
from torch import Tensor

from ..family import part, weighed
from ..stacked import StackedLoss
from .probe_batches import constants
from .subject import Subject, both_close, close, value_and_gradient


def weighs_samples(subject: Subject) -> None:
    """A sample of weight 2 counts as two, one of weight 0 not at all, and only the weights' ratios matter.

    In ranks a sample that is there twice ties with itself, so a term of the batch is held to the last two.
    """
    outputs, targets = subject.batch()
    weight = (torch.arange(len(targets)) % 4).to(outputs.dtype)
    wild = torch.where((weight == 0).view(-1, *[1] * (outputs.dim() - 1)), torch.inf, outputs)

    def weighted(weight: Tensor) -> tuple[Tensor, Tensor]:
        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            clean, mask = weighed(outputs, targets, weight)
            return subject.family(clean, targets, subject.values, constants(subject.kind), mask)

        return value_and_gradient(loss, wild, targets)

    value, gradient = weighted(weight)
    tripled = weighted(3 * weight)
    both_close(subject, "with all weights three times as large", tripled, (value, gradient), 1e-10)
    for kept, repeats in ((weight > 0, torch.ones_like(weight)), (weight >= 0, weight)):
        of_batch = any(part(name).level == "batch" for name in subject.family.parts)
        if of_batch and repeats is weight:
            continue
        rows = torch.arange(len(targets))[kept].repeat_interleave(repeats[kept].long())
        wanted, each = value_and_gradient(subject.loss, outputs[rows], targets[rows])
        summed = torch.zeros_like(outputs).index_add(0, rows, each)
        both_close(subject, "with weights", weighted(repeats * (weight > 0)), (wanted, summed), 1e-10)
    beside = StackedLoss(subject.kind, [subject.spec], torch.float64, [constants(subject.kind)])
    scale = beside.each(outputs[None], targets[None]) / subject.loss(outputs, targets)  # of canonical form
    found = beside.each(wild[None], targets[None], weight[None])
    close(subject, "the value with weights beside others", found, value * scale, 1e-9)
