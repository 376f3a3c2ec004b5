"""That a loss is a number with a gradient, wherever outputs and parameters may lie."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..errors import one_line
from ..family import part
from ..frozen import freeze
from .subject import Broken, Subject, close, corners, inside, value_and_gradient


def runs(subject: Subject) -> None:
    """A batch of random outputs has a finite loss, a 0-d tensor."""
    value = subject.loss(*subject.batch(dtype=torch.float32))
    if value.shape != () or not value.isfinite():
        raise Broken(f"{subject.name}: the loss of a random batch is {value.tolist()}")


def differentiable(subject: Subject) -> None:
    """In float64 the gradients to the outputs and to every parameter are the derivatives of the value."""
    values = dict(subject.values)
    varied = list(subject.vary)
    for name in subject.vary:
        owner, _, rest = name.partition(".")
        chosen = part(owner)
        if chosen.frozen_factor and chosen.neutral:
            values[name] = chosen.neutral[rest]
            varied.remove(name)
    outputs, targets = subject.batch(size=7)
    numbers = [torch.tensor(values[name], dtype=torch.float64, requires_grad=True) for name in varied]

    def loss(outputs: Tensor, *numbers: Tensor) -> Tensor:
        return subject.loss(outputs, targets, {**values, **dict(zip(varied, numbers, strict=True))})

    # A parameter at the end of its domain has no derivative from beyond; half-way to its range it has.
    for number, name in zip(numbers, varied, strict=True):
        number.data = torch.tensor(inside(name, values[name]), dtype=torch.float64)
    if not loss(outputs.requires_grad_(), *numbers).requires_grad:
        raise Broken(f"{subject.name}: the loss has no gradient to the outputs")
    _, pull = value_and_gradient(subject.loss, *subject.batch(dtype=torch.float64))
    if not bool(pull.any()):
        raise Broken(f"{subject.name}: the gradient to the outputs is 0 everywhere")
    try:
        torch.autograd.gradcheck(loss, (outputs, *numbers), eps=1e-6, atol=1e-5, rtol=1e-4)
    except RuntimeError as error:
        raise Broken(f"{subject.name}: the gradient is not the derivative: {one_line(error)}") from error


def finite(subject: Subject) -> None:
    """Value and gradient are finite for outputs of 0, 20, 1e2, 6e4 and their negatives, at all corners."""
    outputs, targets = subject.extremes()
    for corner in corners(subject):
        frozen = freeze(replace(subject, values={**subject.values, **corner}).spec)
        for loss in (lambda o, t: subject.loss(o, t, corner), frozen):  # noqa: B023
            value, gradient = value_and_gradient(loss, outputs, targets)
            if not (bool(value.isfinite()) and bool(gradient.isfinite().all())):
                at = ", ".join(f"{name}={number:g}" for name, number in corner.items())
                what = "value" if not value.isfinite() else "gradient"
                raise Broken(
                    f"{subject.name}: the {what} is not finite on outputs up to 6e4 at {at or 'its values'}"
                )


def half_precision(subject: Subject) -> None:
    """Outputs in float16 and bfloat16 are computed in float32: they give what float64 does to 1e-5."""
    for dtype in (torch.float16, torch.bfloat16):
        outputs, targets = subject.batch(dtype=torch.float32)
        rounded = outputs.to(dtype)
        got, gradient = value_and_gradient(freeze(subject.spec), rounded, targets)
        wanted, slope = value_and_gradient(freeze(subject.spec), rounded.double(), targets)
        # float32 has seven digits and a loss a dozen operations; the gradient has the outputs' dtype.
        close(subject, f"the value in {dtype}", got, wanted, 1e-5)
        close(subject, f"the gradient in {dtype}", gradient, slope, 1e-2)
