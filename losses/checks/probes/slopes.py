"""Whether the gradient is that of the value, and whether every parameter does something."""

from __future__ import annotations

import torch
from torch import nn

from .audited import Audited, Call, Evidence


def follows(subject: Audited) -> Evidence:
    """A directional derivative by differences that is not the gradient's, or no gradient at all."""
    call, dtype = subject.precise()
    step, allowed = (1e-4, 5e-3) if dtype == torch.float64 else (1e-2, 5e-2)
    worst, apart, flat = "", 0, 0
    for seed in range(3):
        outputs, targets = subject.batch(size=7, seed=seed, dtype=dtype)
        generator = torch.Generator().manual_seed(seed + 10)
        way = torch.randn(outputs.shape, generator=generator, dtype=torch.float64).to(dtype)
        leaf = outputs.clone().requires_grad_()
        value = call(leaf * 1, targets).mean()
        if not value.requires_grad:
            return
        (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
        slope = 0.0 if gradient is None else float((gradient * way).sum())
        with torch.no_grad():
            ahead, behind, far = (
                float(call(outputs + size * way, targets).mean()) for size in (step, -step, 3.0)
            )
        measured = (ahead - behind) / (2 * step)
        size = max(abs(measured), abs(slope), 1e-3 * abs(float(value)))
        if abs(measured - slope) > allowed * size:
            apart += 1
            worst = (
                worst
                or f"along one direction the loss changes by {measured:.4g}, its gradient says {slope:.4g}"
            )
        still = gradient is None or not bool(gradient.any())
        if still and abs(far - float(value)) > 1e-3 * abs(float(value)):
            flat += 1
            worst = f"the gradient is 0 though the loss goes from {float(value):.4g} to {far:.4g}"
    if flat == 3 or apart >= 2:
        yield "gradient does not follow the value", worst


def parameters(subject: Audited) -> Evidence:
    """Parameters that change neither value nor gradient."""
    batches = [subject.batch(), subject.at_level(-4.0), subject.at_level(0.3)]

    def told(call: Call) -> torch.Tensor:
        leaves = [o.clone().requires_grad_() for o, _ in batches]
        values = [call(leaf * 1, t).mean() for leaf, (_, t) in zip(leaves, batches, strict=True)]
        gradients = torch.autograd.grad(sum(values, torch.zeros(())), leaves, allow_unused=True)
        return torch.cat([torch.stack(values).detach(), *(g.flatten() for g in gradients if g is not None)])

    for name, variants in subject.variants.items():
        try:
            before, found = told(subject.call), [told(variant) for variant in variants]
        except Exception:  # noqa: BLE001, S112  (a value that the loss does not take tells nothing)
            continue
        if found and all(one.shape == before.shape and torch.equal(one, before) for one in found):
            yield (
                "dead parameter",
                f"{name} changes neither value nor gradient on three batches, at {len(found)} values",
            )
    if isinstance(subject.original, nn.Module):
        yield from _trainable(subject, subject.original)


def _trainable(subject: Audited, module: nn.Module) -> Evidence:
    """Parameters that an optimiser would train and that get no gradient."""
    known = dict(module.named_parameters())
    if not known:
        return
    outputs, targets = subject.batch()
    value = subject.value(outputs.requires_grad_(), targets)
    gradients = (
        torch.autograd.grad(value, list(known.values()), allow_unused=True) if value.requires_grad else []
    )
    for name, gradient in zip(known, gradients, strict=False):
        if gradient is None or not bool(gradient.any()):
            yield "dead parameter", f"{name} gets no gradient on a batch of 12 samples"
