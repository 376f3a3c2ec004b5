"""Every part and every standard loss keeps every promise of the contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lossmith.losses import Kind, Parameter, Part, UserError, parts_for, register, standard_specs
from lossmith.losses.checks import (
    PROMISES,
    Broken,
    LossContract,
    Subject,
    device,
    examine,
    identities,
    numbers,
    of_part,
    value_and_gradient,
)
from lossmith.losses.declarations import KINDS

PARTS = [of_part(chosen, kind) for kind in KINDS for chosen in parts_for(kind).values()]
STANDARDS = [
    Subject(f"{name} ({kind})", kind, spec.parameters)
    for kind in KINDS
    for name, spec in standard_specs(kind).items()
]
NOT_OF_POINTS = ("same as declared", "neutral")  # said of the parts already
TRACED = ("compiles", "exports")  # take torch a second or more for each loss


def everything(kind: Kind) -> Subject:
    """The loss that every shipped part of a kind takes part in, at its default values."""
    subjects = [of_part(chosen, kind) for chosen in parts_for(kind).values()]
    return Subject(f"everything ({kind})", kind, {n: v for s in subjects for n, v in s.values.items()})


@pytest.mark.parametrize("subject", PARTS, ids=lambda subject: subject.name)
def test_a_part_keeps_its_promises(subject: Subject) -> None:
    """Each check of the contract holds for each part and kind."""
    for promise in PROMISES:
        if promise.name not in TRACED:
            promise.check(subject)


@pytest.mark.parametrize("subject", STANDARDS, ids=lambda subject: subject.name)
def test_a_standard_loss_keeps_its_promises(subject: Subject) -> None:
    """Each check of the contract that speaks of a point of the family holds for each standard loss."""
    for promise in PROMISES:
        if promise.name not in (*NOT_OF_POINTS, *TRACED):
            promise.check(subject)


@pytest.mark.traced
@pytest.mark.parametrize("promise", TRACED)
@pytest.mark.parametrize("kind", KINDS)
def test_torch_traces_all_parts_at_once(kind: Kind, promise: str) -> None:
    """One graph with every part of a kind in it, and what torch makes of it is the loss; alone: -m slow."""
    (found,) = (chosen for chosen in PROMISES if chosen.name == promise)
    found.check(everything(kind))


@pytest.mark.slow
@pytest.mark.parametrize("promise", TRACED)
@pytest.mark.parametrize("subject", [*PARTS, *STANDARDS], ids=lambda subject: subject.name)
def test_torch_traces_each_loss_alone(subject: Subject, promise: str) -> None:
    """Every part and every standard loss is compiled as one graph, and exported for batches of any size."""
    (found,) = (chosen for chosen in PROMISES if chosen.name == promise)
    found.check(subject)


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
        (clamped, numbers.finite, "gradient is not finite"),
        (jumping, identities.vmappable, "data-dependent control flow"),
        (copying, device.stays_on_device, "as_tensor copies numbers to it"),
        (mixing, device.stays_on_device, "leaves the device"),
    ):
        subject = of_part(own_part(f"own_{function.__name__}", function), "binary")
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
        value_and_gradient(everything.loss, outputs, targets),
        value_and_gradient(alone.loss, outputs, targets),
        strict=True,
    ):
        torch.testing.assert_close(got, wanted, rtol=2e-5, atol=1e-6)  # float32, another order of summation


def twice(log_p: Tensor) -> Tensor:
    """Cross entropy, twice."""
    return -2 * log_p


INHERITED = Part(
    name="own_inherited",
    stage="term",
    kinds=("binary", "multilabel"),
    function=twice,
    formula="-2 ln p",
    latex="-2 \\ln p",
    source="a test",
)


@pytest.mark.traced
class TestInherited(LossContract):
    """A package's own part is tested by a class of two lines; that it fails for a wrong one is said below."""

    part = INHERITED


def test_the_inherited_suite_has_a_test_for_each_promise() -> None:
    """Each fails by the promise that it is named after, for the first loss that breaks it."""
    names = {name for name in vars(LossContract) if name.startswith("test_")}
    assert names == {f"test_{promise.check.__name__}" for promise in PROMISES}
    suite = LossContract()
    suite.part = own_part("own_not_finite", clamped)
    with pytest.raises(Broken, match="gradient is not finite"):
        suite.test_finite()  # type: ignore[attr-defined]


def test_an_examination_leaves_the_family_as_it_was() -> None:
    """A part that is examined, even under the name of another, is no part of the family afterwards."""
    before = dict(parts_for("binary"))
    for name in ("own_examined", "focal"):
        findings = examine(replace(INHERITED, name=name), "binary", needed=True)
        assert [finding.check for finding in findings if not finding.ok] == []
    assert parts_for("binary") == before
