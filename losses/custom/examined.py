"""Which promises a user's loss keeps: a report of a line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import vmap

from ..checks.gradient_health import Health, health_of
from ..checks.probe_batches import extreme_batch, random_batch
from ..errors import UserError, one_line
from .declared import Own


@dataclass(frozen=True)
class Finding:
    """One line of a report."""

    check: str
    ok: bool
    text: str


def examine(subject: Own) -> tuple[list[Finding], Health | None]:
    """Every check of a user's loss, a finding each, and its health where it could be probed."""
    findings = [
        _try(check, subject) for check in (_runs, _differentiable, _finite, _vmappable, _changes_nothing)
    ]
    if not findings[0].ok:
        return findings[:1], None
    try:
        found = health_of(subject.kind, subject.loss)
    except Exception as error:  # noqa: BLE001  (whatever a user's code raises is a line of the report)
        return [*findings, Finding("healthy", ok=False, text=_brief(error))], None
    text = (
        f"the pull on a confident mistake is {found.mistakes:.3g} times that on an undecided sample, "
        f"the largest {found.largest:.3g} times"
    )
    findings += [Finding("healthy", ok=False, text=problem) for problem in found.problems]
    return findings if found.problems else [*findings, Finding("healthy", ok=True, text=text)], found


def _try(check: Callable[[Own], str], subject: Own) -> Finding:
    name = check.__name__.lstrip("_").replace("_", " ")
    try:
        return Finding(name, ok=True, text=check(subject))
    except Exception as error:  # noqa: BLE001  (the same)
        return Finding(name, ok=False, text=_brief(error))


def _brief(error: Exception) -> str:
    ours = isinstance(error, AssertionError | UserError)
    return one_line(error, 240) if ours else f"{type(error).__name__}: {one_line(error)}"


def _runs(subject: Own) -> str:
    outputs, targets = random_batch(subject.kind, dtype=torch.float32)
    value = subject.loss(outputs, targets)
    return f"{float(value):.4g} on random outputs of shape {tuple(outputs.shape)}"


def _differentiable(subject: Own) -> str:
    outputs, targets = random_batch(subject.kind, 7)
    numbers = [
        torch.tensor(float(p.default), dtype=torch.float64, requires_grad=True) for p in subject.parameters
    ]
    names = [p.name for p in subject.parameters]

    def loss(outputs: Tensor, *numbers: Tensor) -> Tensor:
        return subject.loss(outputs, targets, dict(zip(names, numbers, strict=True)))

    if not loss(outputs.requires_grad_(), *numbers).requires_grad:
        raise AssertionError("the loss has no gradient to the outputs")
    torch.autograd.gradcheck(loss, (outputs, *numbers), atol=1e-5, rtol=1e-4)
    whose = " and ".join(["the outputs", *names])
    return f"the gradients to {whose} are the derivatives (float64)"


def _corners(subject: Own) -> list[dict[str, float]]:
    ends = [{p.name: p.search[end] for p in subject.parameters} for end in (0, 1)]
    return [{}, *ends] if subject.parameters else [{}]


def _finite(subject: Own) -> str:
    outputs, targets = extreme_batch(subject.kind)
    for values in _corners(subject):
        leaf = outputs.clone().requires_grad_()
        value = subject.loss(leaf, targets, values)
        (gradient,) = torch.autograd.grad(value, leaf)
        for what, found in (("value", value), ("gradient", gradient)):
            if not bool(found.isfinite().all()):
                at = f" at {values}" if values else ""
                raise AssertionError(f"the {what} is not finite on outputs up to 6e4{at}")
    return "value and gradient on outputs of 0, 20, 1e2, 6e4 and their negatives"


def _vmappable(subject: Own) -> str:
    outputs, targets = random_batch(subject.kind)
    points = _corners(subject)
    stacked = torch.stack([outputs + i for i in range(len(points))])
    names = [p.name for p in subject.parameters]
    defaults = {p.name: p.default for p in subject.parameters}
    columns = {n: torch.tensor([p.get(n, defaults[n]) for p in points], dtype=torch.float64) for n in names}
    rows = torch.arange(len(points))
    got = vmap(lambda o, i: subject.loss(o, targets, {n: c[i] for n, c in columns.items()}))(stacked, rows)
    wanted = torch.stack([subject.loss(o, targets, p) for o, p in zip(stacked, points, strict=True)])
    if not torch.allclose(got, wanted, rtol=1e-6, atol=1e-6):
        raise AssertionError(f"vmap gives {got.tolist()}, a loop {wanted.tolist()}")
    return "many at once give what a loop gives, so it trains in cohorts"


def _changes_nothing(subject: Own) -> str:
    outputs, targets = random_batch(subject.kind, dtype=torch.float32)
    before = outputs.clone(), targets.clone()
    with torch.no_grad():
        first = subject.loss(outputs, targets)
        if torch.is_grad_enabled():
            raise AssertionError("it switches the recording of gradients on inside the caller's no_grad")
    if not (torch.equal(before[0], outputs) and torch.equal(before[1], targets)):
        raise AssertionError("it changes its inputs")
    if not torch.equal(first, subject.loss(outputs, targets)):
        raise AssertionError("it gives another value when called again")
    return "its inputs and the grad mode stay as they were, and it gives the same again"
