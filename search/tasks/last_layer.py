"""What a model's last layer lets its outputs be: logits of any size and sign, or less than losses need."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn

from ...losses import Kind
from ...losses.errors import UserError
from ...losses.kinds import kind_named
from .data import Data

SAMPLES = 16  # that a model with random parameters is called with
SCALES = (0.5, 2.0, 10.0) * 8  # of random parameters: a linear layer has outputs of both signs among so many
ROUNDING = 1e-4


def last_layer(kind: Kind, name: str, parts: Mapping[str, Data], model: nn.Module, outputs: Tensor) -> str:
    """Refuse a model that ends in a Sigmoid or Softmax, or cannot reach the targets of a regression.

    Args:
        kind: The kind of problem.
        name: The task's name, for the errors.
        parts: The parts of the data by name.
        model: In evaluation.
        outputs: What it returned for the first samples.

    Returns:
        A line on a last layer that hinders, such as a LogSoftmax; empty where there is none.

    Raises:
        UserError: The outputs never leave [0, 1], or never reach the targets.
    """
    of_kind, span = kind_named(kind), _span(kind, parts["train"][0], model, outputs)
    low, high = span or (-torch.inf, torch.inf)
    if of_kind.classified and low >= 0 and high <= 1:
        softmax = of_kind.decision == "argmax" and bool(((outputs.sum(-1) - 1).abs() < 1e-3).all())
        raise UserError(
            f"task {name}: the model must return logits, of any size and sign, but its outputs never leave "
            f"[0, 1], as after a {'Softmax' if softmax else 'Sigmoid'}; leave that last layer out, for "
            "losses and metrics apply it themselves"
        )
    if of_kind.decision is None:
        _check_reach(name, torch.cat([part[1].flatten() for part in parts.values()]), low, high)
    if of_kind.decision == "cutoff" and (low >= 0 or high <= 0):
        return (
            f"model: its outputs are never {'below' if low >= 0 else 'above'} 0, so that every decision is "
            "the same; leave the last activation out"
        )
    if of_kind.decision == "argmax" and bool((outputs.logsumexp(-1).abs() < ROUNDING).all()):
        return (
            "model: it ends in a LogSoftmax, so its logits are log probabilities; leave that layer out, for "
            "losses apply it themselves and some read the size of a logit"
        )
    return ""


def _check_reach(name: str, targets: Tensor, low: float, high: float) -> None:
    """Refuse outputs in [-1, 1], or of one sign, where targets are not."""
    there = targets[targets.isfinite()]
    ranges = ((-1, 1, "leave [-1, 1]"), (0, torch.inf, "fall below 0"), (-torch.inf, 0, "exceed 0"))
    for least, most, never in ranges:
        if least <= low and high <= most and (there.min() < least or there.max() > most):
            raise UserError(
                f"task {name}: the model's outputs must be able to reach the targets, {there.min():g} to "
                f"{there.max():g}, but they never {never}; leave the last activation out"
            )


@torch.no_grad()
def _span(kind: Kind, inputs: Tensor, model: nn.Module, outputs: Tensor) -> tuple[float, float] | None:
    """The least and the greatest output that was seen; None where the model cannot be tried.

    A model whose first outputs leave something to ask is called with parameters drawn at random, large ones
    too, until nothing is left: logits soon leave [0, 1], and are of both signs.
    """
    decision = kind_named(kind).decision
    low, high = (float(value) for value in outputs.aminmax())
    draw, copied = torch.Generator().manual_seed(0), None
    for scale in SCALES:
        beyond = low < -1 or high > 1
        if {"argmax": low < 0 or beyond, "cutoff": low < 0 < high}.get(
            str(decision), low < 0 < high and beyond
        ):
            break
        try:
            copied = copied or deepcopy(model)  # parameters may share memory with what the user holds
            for parameter in copied.parameters():
                if parameter.is_floating_point():
                    parameter.copy_(scale * torch.randn(parameter.shape, generator=draw))
            made = copied(inputs[:SAMPLES].clone())
            made = made[made.isfinite()]
        except Exception:  # noqa: BLE001  (a model may refuse such parameters; then nothing is known of it)
            return None
        if made.numel():
            low, high = min(low, float(made.min())), max(high, float(made.max()))
    # A model that returns nothing but zeros says nothing of its last layer.
    return None if low == high == 0 else (low, high)
