"""Losses that users bring, as functions or modules, and a report on which promises they keep."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter as Argument
from inspect import isclass, signature
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import vmap

from .batches import extreme_batch, random_batch
from .errors import UserError, unknown
from .health import Health, health_of
from .parts import KINDS, Kind, Number, Parameter, Part

T = TypeVar("T")
_DECLARATION = "__lossmith__"


@dataclass(frozen=True)
class Finding:
    """One line of a report."""

    check: str
    ok: bool
    text: str


@dataclass(frozen=True)
class Own:
    """A loss of a user's own: `call(outputs, targets, parameters)` returns one number or one per sample.

    `loss_itself` is what the user wrote; `declared` says whether they said for which kind of problem.
    """

    name: str
    kind: Kind
    parameters: tuple[Parameter, ...]
    call: Callable[[Tensor, Tensor, Mapping[str, Number]], Tensor]
    loss_itself: Callable[..., Any]
    declared: bool

    def loss(self, outputs: Tensor, targets: Tensor, values: Mapping[str, Number] | None = None) -> Tensor:
        """The loss of one batch, a 0-d tensor; parameters not given have their defaults."""
        found = self.call(
            outputs, targets, {**{p.name: p.default for p in self.parameters}, **(values or {})}
        )
        if not isinstance(found, Tensor) or found.shape not in ((), targets.shape, targets.shape[:1]):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise UserError(f"{self.name} must return a tensor of shape () or (N,), but it returned {shape}")
        return found.mean()


@dataclass(frozen=True)
class OwnTerm:
    """A user's function, or class of modules, as the function of a term: it reads the model's own outputs."""

    loss: Callable[..., Any]

    @property
    def __name__(self) -> str:
        return str(getattr(self.loss, "__name__", type(self.loss).__name__))

    def __call__(self, outputs: Tensor, targets: Tensor, **values: Number) -> Tensor:
        """The loss of each sample, or of the batch."""
        found: Tensor = (
            self.loss(**values)(outputs, targets)
            if isinstance(self.loss, type)
            else self.loss(outputs, targets, **values)
        )
        return found


def declare(*, kind: Kind, parameters: Sequence[Parameter] = ()) -> Callable[[T], T]:
    """Say of a function or an `nn.Module` class for which kind of problem it is, and which parameters it has.

    The function takes `(outputs, targets)` and its parameters as keyword arguments; the class takes
    them when it is built. They may be floats or 0-d tensors, under `vmap`.
    """
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)

    def mark(loss: T) -> T:
        setattr(loss, _DECLARATION, (kind, tuple(parameters)))
        return loss

    return mark


def own(name: str, loss: Any, kind: Kind | None = None) -> Own:
    """A user's object as a loss; undeclared keyword-only arguments of a function keep their defaults.

    Raises `UserError` when it is no function of `(outputs, targets)`, no module, or of another kind.
    """
    declared, parameters = getattr(loss, _DECLARATION, (None, ()))
    if kind is not None and declared not in (None, kind):
        raise UserError(
            f"{name} is declared for {declared} problems, but asked about as {kind}; leave --kind out"
        )
    chosen = kind or declared or "multiclass"
    if isclass(loss) and issubclass(loss, nn.Module):
        built = loss
        return Own(name, chosen, parameters, lambda o, t, v: built(**v)(o, t), loss, declared is not None)
    if isclass(loss) or not callable(loss):
        raise UserError(f"{name} must be a function or an nn.Module, but it is of type {type(loss).__name__}")
    if not isinstance(loss, nn.Module):
        _check_signature(name, loss, [p.name for p in parameters])
    return Own(name, chosen, parameters, lambda o, t, v: loss(o, t, **v), loss, declared is not None)


def _check_signature(name: str, loss: Callable[..., Any], given: Sequence[str]) -> None:
    try:
        arguments = signature(loss).parameters.values()
    except (TypeError, ValueError):
        return  # built-in functions may have none
    positional = [
        a for a in arguments if a.kind in (Argument.POSITIONAL_ONLY, Argument.POSITIONAL_OR_KEYWORD)
    ]
    needed = [a for a in positional if a.default is Argument.empty]
    variadic = any(a.kind is Argument.VAR_POSITIONAL for a in arguments)
    missing = [
        a.name
        for a in arguments
        if a.kind is Argument.KEYWORD_ONLY and a.default is Argument.empty and a.name not in given
    ]
    if (len(positional) < 2 and not variadic) or len(needed) > 2 + len(given) or missing:
        shown = f"{name}{signature(loss)}"
        raise UserError(
            f"{name} must take (outputs, targets) and declared parameters, but it is {shown}; see declare()"
        )


def load_own(place: str, kind: Kind | None = None) -> Own | Part:
    """The loss at `FILE:OBJECT`: a `Part`, a function, an `nn.Module` or its class. The file is run.

    Raises `UserError` when the file or the object is missing, or the file does not run.
    """
    path, colon, name = place.rpartition(":")
    if not colon or not path or not name:
        raise UserError(f"a loss must be given as FILE:OBJECT, such as my_losses.py:focal, but got {place!r}")
    file = Path(path)
    if not file.is_file():
        raise UserError(f"{path} must be a Python file, but there is none; check the path")
    spec = importlib.util.spec_from_file_location(f"lossmith_own_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} must be a Python file, whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(
            f"{path} must run, but it raised {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
    if not hasattr(module, name):
        raise unknown(f"object in {path}", name, [n for n in vars(module) if not n.startswith("_")])
    found = getattr(module, name)
    return found if isinstance(found, Part) else own(name, found, kind)


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
    text = " ".join(str(error).split())
    return (
        text[:240]
        if isinstance(error, AssertionError | UserError)
        else f"{type(error).__name__}: {text[:200]}"
    )


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
