"""What a loss returns, and what it leaves behind."""

from __future__ import annotations

import torch
from torch import Tensor

from .audited import Audited, Evidence


def returned(subject: Audited) -> Evidence:
    """A number without gradient, a tensor of a strange shape."""
    outputs, targets = subject.batch()
    leaf = outputs.requires_grad_()
    found = subject.call(leaf * 1, targets)
    if not isinstance(found, Tensor):
        yield "no gradient", f"it returns a {type(found).__name__}, no tensor"
        return
    if not found.requires_grad:
        yield "no gradient", f"requires_grad of the returned tensor is False; its value is {_shown(found)}"
    if found.dim() and found.shape not in (targets.shape, targets.shape[:1]):
        yield "not a scalar", f"it returns shape {tuple(found.shape)} for {len(targets)} samples"
    elif found.dim() and not subject.declared:
        yield "one number a sample", f"it returns shape {tuple(found.shape)} for {len(targets)} samples"


def _shown(found: Tensor) -> str:
    return f"{float(found):.4g}" if found.numel() == 1 else f"of shape {tuple(found.shape)}"


def leaves(subject: Audited) -> Evidence:
    """Inputs that are changed, chance, and state that is kept from call to call."""
    outputs, targets = subject.batch()
    before = outputs.clone(), targets.clone()
    with torch.no_grad():
        subject.call(outputs, targets)
    for name, old, new in zip(("outputs", "targets"), before, (outputs, targets), strict=True):
        if not torch.equal(old, new):
            share = float((old != new).float().mean())
            yield "changes its inputs", f"{share:.0%} of the {name} are others after the call"
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        values = []
        for seed, other in ((0, False), (0, False), (0, True), (1, False)):
            if other:
                subject.value(*subject.batch(seed=5))
            torch.manual_seed(seed)
            values.append(float(subject.value(*subject.batch())))
    first, again, after, reseeded = values
    if max(abs(first - again), abs(first - after)) > 1e-5 * abs(first):
        said = ", ".join(f"{value:.5g}" for value in (first, again, after))
        yield "keeps state", f"the same batch costs {said} at three calls with one seed"
    elif abs(reseeded - after) > 1e-5 * abs(first):
        yield "random", f"the same batch costs {after:.5g} with one seed and {reseeded:.5g} with another"
