"""Every part and every standard loss keeps every promise of the contract."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lossmith.losses import Kind, Parameter, Part, UserError, parts_for, register, standard_specs
from lossmith.losses.checks import contract
from lossmith.losses.checks.contract import CHECKS, Broken, Subject
from lossmith.losses.declarations import KINDS

PARTS = [contract.of_part(chosen, kind) for kind in KINDS for chosen in parts_for(kind).values()]
STANDARDS = [
    Subject(f"{name} ({kind})", kind, spec.parameters)
    for kind in KINDS
    for name, spec in standard_specs(kind).items()
]
NOT_OF_POINTS = (contract.compiles, contract.same_as_declared, contract.neutral)  # said of the parts already


@pytest.mark.parametrize("promise", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("subject", PARTS, ids=lambda subject: subject.name)
def test_a_part_keeps_its_promises(subject: Subject, promise: Callable[[Subject], None]) -> None:
    """Each check of the contract holds for each part and kind."""
    promise(subject)


@pytest.mark.parametrize("subject", STANDARDS, ids=lambda subject: subject.name)
def test_a_standard_loss_keeps_its_promises(subject: Subject) -> None:
    """Each check of the contract that speaks of a point of the family holds for each standard loss."""
    for promise in CHECKS:
        if promise not in NOT_OF_POINTS:
            promise(subject)


def clamped(log_p: Tensor, *, gamma: float | Tensor) -> Tensor:
    """Focal loss as some write it: 1 - p by subtraction."""
    p = log_p.exp()
    return -((1 - p) ** gamma) * log_p


def jumping(log_p: Tensor, *, gamma: float | Tensor) -> Tensor:
    """A loss with a branch on its data."""
    return -log_p * gamma if log_p.sum() > 0 else -log_p


def copying(log_p: Tensor, *, gamma: float | Tensor) -> Tensor:
    """A loss that copies a number to the device of its inputs."""
    return -log_p * torch.as_tensor(gamma, device=log_p.device)


def mixing(log_p: Tensor, *, gamma: float | Tensor) -> Tensor:
    """A loss that makes its weights where the inputs may not be."""
    return -log_p * gamma * torch.ones(len(log_p))


def own_part(name: str, function: Callable[..., Tensor]) -> Part:
    """A user's part with one parameter."""
    return register(
        Part(
            name=name,
            stage="term",
            kinds=("binary",),
            function=function,
            formula="f(p; {gamma})",
            latex="f(p; {gamma})",
            source="a test",
            parameters=(Parameter("gamma", default=0.5, search=(0.1, 2)),),
        )
    )


def test_a_users_own_part_is_held_to_the_contract() -> None:
    """The textbook focal loss fails at saturated outputs, a branch under vmap, a copy on a GPU."""
    for function, promise, words in (
        (clamped, contract.finite, "gradient is not finite"),
        (jumping, contract.vectorised, "data-dependent control flow"),
        (copying, contract.stays_on_device, "as_tensor copies numbers to it"),
        (mixing, contract.stays_on_device, "leaves the device"),
    ):
        subject = contract.of_part(own_part(f"own_{function.__name__}", function), "binary")
        with pytest.raises((Broken, RuntimeError), match=words):
            promise(subject)


def test_a_part_needs_a_name_of_its_own() -> None:
    """A part that is called like another is refused; the same part again is not."""
    part = own_part("own_twice", clamped)
    assert own_part("own_twice", clamped) == part
    with pytest.raises(UserError, match="must have a name of its own"):
        own_part("own_twice", jumping)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cohort_may_hold_every_part_at_once(kind: Kind) -> None:
    """All parts of a kind switched off around one term give that term alone, whatever the outputs."""
    plain = "mse" if kind == "regression" else "cross_entropy"
    values: dict[str, float] = {}
    for chosen in (p for p in parts_for(kind).values() if not p.name.startswith("own_")):
        if chosen.stage == "term":
            values[f"mix.{chosen.name}"] = float(chosen.name == plain)
        for p in chosen.parameters:
            values[f"{chosen.name}.{p.name}"] = p.default if p.neutral is None else p.neutral
    everything = Subject("everything", kind, values)
    alone = Subject("alone", kind, {f"mix.{plain}": 1.0})
    outputs, targets = alone.extremes()
    for got, wanted in zip(
        contract.value_and_gradient(everything.loss, outputs, targets),
        contract.value_and_gradient(alone.loss, outputs, targets),
        strict=True,
    ):
        torch.testing.assert_close(got, wanted, rtol=2e-5, atol=1e-6)  # float32, another order of summation
