"""What the contract is about: a loss, the batches it is tried on, and the corners of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from ..declarations import Kind, Number, Parameter, Part
from ..family import MIX, Family, UserTerm, parameter_named, part
from ..kinds import kind_named
from ..spec import BoundLoss, LossSpec, part_and_parameter, standard_parameters
from .probe_batches import TARGET_SCALE, constants, extreme_batch, random_batch

Loss = Callable[[Tensor, Tensor], Tensor]
CORNERS = 64  # at most, of a subject's parameters
TWO_OUTPUTS = "gaussian_nll"  # the part whose models may put out a variance


class Broken(AssertionError):  # noqa: N818  (a promise is broken)
    """A promise that a loss does not keep."""


@dataclass(frozen=True)
class Subject:
    """A loss to be checked: parts of the family with the values of their parameters, of one kind.

    Args:
        name: What messages call it.
        kind: The kind of problem.
        values: Every parameter of the parts. They are not put into canonical form, so that a part at its
            neutral value is still there.
        vary: The names of the parameters whose corners and gradients are looked at.
    """

    name: str
    kind: Kind
    values: Mapping[str, float]
    vary: tuple[str, ...] = ()

    @property
    def family(self) -> Family:
        """The family of exactly these parts."""
        return Family(self.kind, frozenset(part_and_parameter(name)[0] for name in self.values))

    @property
    def rounding(self) -> float:
        """By how much numbers for parameters and tensors for them may differ, in float64.

        In users' code a number times a bool tensor is float32, and a 0-d tensor times one float64.
        """
        terms = (part(name).function for name in self.family.parts)
        return 1e-6 if any(isinstance(function, UserTerm) for function in terms) else 1e-10

    @property
    def spec(self) -> BoundLoss:
        """The loss in canonical form, bound to the constants of these batches."""
        kind = kind_named(self.kind)
        return LossSpec(self.kind, self.values).bind(
            kind.probe_counts, None if kind.counted else TARGET_SCALE
        )

    def loss(self, outputs: Tensor, targets: Tensor, values: Mapping[str, Number] | None = None) -> Tensor:
        """The family's loss of one batch, ().

        Args:
            outputs: (N, ...).
            targets: (N, ...).
            values: What replaces the subject's own values, by name.
        """
        return self.family(outputs, targets, {**self.values, **(values or {})}, constants(self.kind))

    def batch(
        self, size: int = 12, seed: int = 0, dtype: torch.dtype = torch.float64
    ) -> tuple[Tensor, Tensor]:
        """A random batch, with a predicted variance where the loss reads one.

        Args:
            size: N.
            seed: Of outputs and targets.
            dtype: Of outputs, and of targets that are no classes.
        """
        outputs, targets = random_batch(self.kind, size, seed=seed, dtype=dtype)
        return (_with_variance(outputs) if TWO_OUTPUTS in self.family.parts else outputs), targets

    def extremes(self) -> tuple[Tensor, Tensor]:
        """The extreme batch, with a predicted variance where the loss reads one."""
        outputs, targets = extreme_batch(self.kind)
        return (_with_variance(outputs) if TWO_OUTPUTS in self.family.parts else outputs), targets


def _with_variance(outputs: Tensor) -> Tensor:
    return torch.stack([outputs, outputs.flip(0) / 2], -1)


def of_part(chosen: Part, kind: Kind) -> Subject:
    """A part as a loss: a term alone, any other part around the kind's plainest term.

    Args:
        chosen: The part.
        kind: A kind of problem that it serves.
    """
    values = {f"{chosen.name}.{p.name}": float(p.default) for p in chosen.parameters}
    plain = chosen.name if chosen.stage == "term" else plainest_term(kind)
    return Subject(f"{chosen.name} ({kind})", kind, {f"{MIX}.{plain}": 1.0, **values}, tuple(values))


def plainest_term(kind: Kind) -> str:
    """The term that the usual loss of a kind consists of."""
    usual = standard_parameters(kind_named(kind).usual_loss, kind)
    return next(name.removeprefix(f"{MIX}.") for name in usual if name.startswith(f"{MIX}."))


def value_and_gradient(loss: Loss, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of a batch and its gradient to the outputs, 0 where it has none.

    Args:
        loss: Takes outputs and targets.
        outputs: (N, ...).
        targets: (N, ...).
    """
    leaf = outputs.detach().clone().requires_grad_()
    value = loss(leaf, targets)
    (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
    return value.detach(), torch.zeros_like(leaf) if gradient is None else gradient


def corners(subject: Subject) -> Iterator[dict[str, float]]:
    """Combinations of the ends of the search ranges, a value between and the neutral values."""
    choices = []
    for name in subject.vary:
        parameter = parameter_named(name)
        ends = {*parameter.search, between(parameter)}
        choices.append(sorted(ends if parameter.neutral is None else {*ends, parameter.neutral}))
    everything = list(product(*choices))
    step = max(1, -(-len(everything) // CORNERS))
    for combination in everything[::step]:
        yield dict(zip(subject.vary, combination, strict=True))


def inside(name: str, value: float) -> float:
    """`value`, or one within the usual range where the parameter ends or switches its part off.

    Args:
        name: The parameter's name in the family.
        value: What it is.
    """
    parameter = parameter_named(name)
    if value not in (*parameter.domain, parameter.neutral, *parameter.search):
        return value
    return between(parameter)


def between(parameter: Parameter) -> float:
    """A value inside the search range that float32 has to round."""
    low, high = parameter.search
    return low + 0.37 * (high - low)


def both_close(
    subject: Subject, what: str, got: Iterable[Tensor], wanted: Iterable[Tensor], tolerance: float
) -> None:
    """Raise `Broken` unless a value and a gradient are those wanted; see `close`.

    Args:
        subject: As of `close`.
        what: What they are of, for the message: "of permuted samples".
        got: Value and gradient.
        wanted: Likewise.
        tolerance: As of `close`.
    """
    for which, one, two in zip(("value", "gradient"), got, wanted, strict=True):
        close(subject, f"the {which} {what}", one, two, tolerance)


def close(subject: Subject, what: str, got: Tensor, wanted: Tensor, tolerance: float) -> None:
    """Raise `Broken` unless two tensors are equal, relative to the largest number. NaN is never equal.

    Args:
        subject: Whose name the message begins with.
        what: What is compared, for the message.
        got: What was computed.
        wanted: What it must be.
        tolerance: The largest difference, as a share of the largest number in `wanted`, or of 1.
    """
    difference = (got.double() - wanted.double()).abs().max() if got.numel() else torch.zeros(())
    size = max(1.0, float(wanted.abs().max())) if wanted.numel() else 1.0
    if not difference <= tolerance * size:
        raise Broken(
            f"{subject.name}: {what} differs by {float(difference):.3g}, allowed are {tolerance * size:.3g}"
        )
