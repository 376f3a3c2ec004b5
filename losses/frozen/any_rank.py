"""Outputs and targets of any rank for a program that is traced once."""

from __future__ import annotations

from torch import Tensor

from ..kinds import Kind, kind_named


def flat(kind: Kind, outputs: Tensor, targets: Tensor, *, two_outputs: bool = False) -> tuple[Tensor, Tensor]:
    """As `shaped`, in operations that mean the same for every rank, and without a look at rank or dtype.

    Dense logits (N, K, ...) become (N ..., K), answers one axis, and targets of kinds with several answers
    take the shape of the outputs, so that nothing broadcasts; `open_up` holds both to one shape before.

    Args:
        kind: The kind of problem.
        outputs: (N, ...).
        targets: (N, ...).
        two_outputs: Whether a last axis of the outputs that targets lack, mean and ln variance, stays as it
            is.
    """
    found = kind_named(kind)
    if found.target == "class":
        return outputs.movedim(1, -1).flatten(0, -2), targets.flatten()
    if two_outputs and outputs.dim() > targets.dim():
        return outputs.flatten(0, -2), targets.flatten()
    if found.several:
        return outputs, targets.view_as(outputs)
    return outputs.flatten(), targets.flatten()
