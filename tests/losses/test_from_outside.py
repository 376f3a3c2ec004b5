"""A term and a kind of problem from outside the package: each is one record, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from lossmith.losses import (
    LossSpec,
    Parameter,
    Part,
    Standard,
    UserError,
    formula,
    freeze,
    health,
    standard_loss,
)
from lossmith.losses.declarations import Number
from lossmith.losses.family.registry import parts_for, registered
from lossmith.losses.kinds import KINDS, ProblemKind, Quantity, kind_named, register_kind
from lossmith.losses.kinds import registry as kinds
from lossmith.losses.stacked.stacked_loss import StackedLoss


def tempered(log_p: Tensor, *, t: Number) -> Tensor:
    """-t ln p + (1 - t) (1 - p) per sample."""
    return -t * log_p + (1 - t) * -torch.expm1(log_p)


TEMPERED = Part(
    name="tempered",
    stage="term",
    kinds=("multiclass", "binary"),
    function=tempered,
    formula="tempered(p; {t})",
    latex="T_{{{t}}}(p)",
    source="this test",
    parameters=(Parameter("t", default=0.5, search=(0, 1), domain=(0, 1)),),
    standards={"half_tempered": Standard({"tempered.t": 0.5})},
    broadcasts=True,
)


def log_rate(outputs: Tensor) -> Tensor:
    """ln of the expected count."""
    return outputs


def poisson(log_rate: Tensor, targets: Tensor, *, floor: Number) -> Tensor:
    """exp(z) - y z + floor per sample."""
    return torch.exp(log_rate) - targets * log_rate + floor


def shaped(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and counts of one shape."""
    if outputs.shape != targets.shape:
        raise UserError("counts outputs and targets must have one shape")
    return outputs, targets.to(outputs.dtype)


COUNTS = ProblemKind(
    name="counts",
    order=9,
    about="how often something happens",
    target="number",
    single=False,
    constant="target_scale",
    decision=None,
    usual_loss="poisson",
    usual_metrics=("mae",),
    outputs_shape="(N,) ln of the rates",
    targets_shape="(N,) counts",
    letters="z is the ln of the rate, y the count",
    quantities={"log_rate": Quantity(log_rate), "mask": KINDS["regression"].quantities["mask"]},
    shaped=shaped,
    outputs_for=lambda targets: 1,
    predictions=lambda outputs: outputs.exp(),
    probabilities=lambda outputs: outputs,
    random_targets=lambda outputs, generator: torch.poisson(torch.ones_like(outputs), generator=generator),
    at_level=lambda level: (torch.full((6,), level), torch.ones(6)),
    extremes=KINDS["regression"].extremes,
    borrowed=("cvar",),
)
POISSON = Part(
    name="poisson",
    stage="term",
    kinds=("counts",),
    function=poisson,
    formula="exp z - y z + {floor}",
    latex="e^z - y z + {floor}",
    source="this test",
    parameters=(Parameter("floor", default=0, search=(0, 1)),),
    standards={"poisson": Standard({"poisson.floor": 0})},
    broadcasts=True,
)


@pytest.fixture
def counts() -> Iterator[ProblemKind]:
    """The kind, registered for one test."""
    known = dict(kinds._known)
    yield register_kind(COUNTS)
    kinds._known.clear()
    kinds._known.update(known)


def test_a_term_from_outside_is_a_term_everywhere() -> None:
    """It has a standard loss, a formula, a module and a place among many losses, from one record."""
    assert "tempered" not in parts_for("binary")
    with registered(TEMPERED):
        spec = LossSpec("binary", {"mix.tempered": 1, "mix.cross_entropy": 1, "focal.gamma": 1})
        assert "0.5 tempered(p; 0.5)" in formula(spec)
        outputs, targets = torch.randn(7, dtype=torch.float64), torch.arange(7) % 2
        alone = torch.stack([freeze(spec)(outputs, targets), freeze(spec)(-outputs, targets)])
        many = StackedLoss("binary", [spec, spec], torch.float64, [{}])
        torch.testing.assert_close(many.each(torch.stack([outputs, -outputs]), targets[None]), alone)
        assert standard_loss("half_tempered", kind="multiclass")(torch.zeros(2, 3), torch.tensor([0, 1])) > 0
    with pytest.raises(UserError, match="unknown part of the binary family 'tempered'"):
        LossSpec("binary", {"mix.tempered": 1})


def test_a_kind_from_outside_is_a_kind_everywhere(counts: ProblemKind) -> None:
    """It has losses of its own and borrows parts of other kinds, from one record."""
    assert kind_named("counts") is counts
    with registered(POISSON):
        assert list(parts_for("counts")) == ["poisson", "cvar"]
        outputs, targets = torch.randn(6, dtype=torch.float64), torch.arange(6)
        loss = standard_loss(counts.usual_loss, kind="counts")
        wanted = torch.nn.functional.poisson_nll_loss(outputs, targets.double())
        torch.testing.assert_close(loss(outputs, targets), wanted)
        tail = LossSpec("counts", {"mix.poisson": 1, "cvar.fraction": 0.5})
        many = StackedLoss("counts", [loss.spec, tail], torch.float64, [{}])
        found = many.each(torch.stack([outputs, outputs]), targets[None])
        torch.testing.assert_close(found, torch.stack([wanted, freeze(tail)(outputs, targets)]))
        assert health(loss.spec).values[0.0] == pytest.approx(1)  # exp(0) - 1 * 0
        with pytest.raises(UserError, match="class_counts must be None for counts"):
            tail.bind([1, 2])


def test_two_kinds_of_one_name_are_refused(counts: ProblemKind) -> None:
    """The second would change what the first's losses mean."""
    with pytest.raises(UserError, match="there is a kind 'counts' already"):
        register_kind(ProblemKind(**{**vars(counts), "about": "something else"}))
