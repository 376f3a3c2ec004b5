"""That a loss evaluated beside others is the loss."""

from __future__ import annotations

import torch

from ..family import MIX, Family
from ..spec import LossSpec
from ..stacked import StackedLoss
from .probe_batches import constants
from .subject import Subject, both_close, corners, plainest_term, value_and_gradient


def beside_others(subject: Subject) -> None:
    """In a program of many losses each has its own value and gradient, whether they share their data or not.

    A part that says it broadcasts and does not, or whose fast form computes something else, is found here.
    """
    kind, known, rounding = subject.kind, constants(subject.kind), subject.rounding
    other = {name: value.flip(0) * 2 if value.dim() else value * 2 for name, value in known.items()}
    points = [{**subject.values, **found} for found in [*corners(subject)][:3] or [{}]]
    plain = {f"{MIX}.{plainest_term(kind)}": 1.0}
    specs = [LossSpec(kind, point) for point in (*points, plain)]
    for data in ([known], [known, other]):
        losses = specs * len(data)
        batches = [subject.batch(seed=seed) for seed in range(len(losses))]
        outputs = torch.stack([outputs for outputs, _ in batches]).requires_grad_()
        targets = torch.stack([batches[group * len(specs)][1] for group in range(len(data))])
        stacked = StackedLoss(kind, losses, torch.float64, data)
        values = stacked.each(outputs, targets)
        (slopes,) = torch.autograd.grad(values.sum(), outputs)
        for i, spec in enumerate(losses):
            group = i // len(specs)
            wanted = value_and_gradient(
                lambda o, t: Family(kind, spec.parts)(o, t, spec.parameters, data[group]),  # noqa: B023
                outputs[i],
                targets[group],
            )
            found = (values[i].detach(), slopes[i])
            both_close(subject, f"beside others of {spec.parameters}", found, wanted, rounding)
