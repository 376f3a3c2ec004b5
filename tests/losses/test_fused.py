"""The hand-written gap is what autograd makes of the formulas, wherever torch can take it."""

from __future__ import annotations

import copy
import pickle
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import LossSpec, freeze, source
from lossmith.losses.checks import value_and_gradient
from lossmith.losses.kernels.focal import focal_cross_entropy

SPEC = LossSpec(
    "multiclass",
    {"mix.cross_entropy": 1, "focal.gamma": 0.3, "label_smoothing.epsilon": 0.2, "logit_adjustment.tau": 1.5},
).bind([90, 40, 17, 8])


def exported(spec: LossSpec = SPEC) -> nn.Module:
    """The loss of the exported file."""
    module = ModuleType("loss")
    exec(compile(source(spec), "loss.py", "exec"), module.__dict__)  # noqa: S102  (the text we have just written)
    loss: nn.Module = module.Loss()
    return loss


@pytest.mark.parametrize("loss", [freeze(SPEC), exported()], ids=["frozen", "loss.py"])
def test_torch_func_takes_it(loss: nn.Module) -> None:
    """vmap, grad and vmap of grad give what a loop over plain backward passes gives."""
    outputs, targets = torch.randn(3, 6, 4, dtype=torch.float64), torch.arange(6) % 4
    wanted = [loss(o, targets) for o in outputs]
    torch.testing.assert_close(torch.func.vmap(lambda o: loss(o, targets))(outputs), torch.stack(wanted))
    slopes = torch.func.vmap(torch.func.grad(lambda o: loss(o, targets)))(outputs)
    for one, o in zip(slopes, outputs, strict=True):
        leaf = o.clone().requires_grad_()
        torch.testing.assert_close(one, torch.autograd.grad(loss(leaf, targets), leaf)[0])


@pytest.mark.parametrize("loss", [freeze(SPEC), exported()], ids=["frozen", "loss.py"])
def test_it_may_be_differentiated_twice_and_backward_run_twice(loss: nn.Module) -> None:
    """The second derivative is the derivative of the first; a graph that is kept gives the same again."""
    outputs, targets = torch.randn(5, 4, dtype=torch.float64, requires_grad=True), torch.arange(5) % 4
    assert torch.autograd.gradgradcheck(lambda o: loss(o, targets), outputs)
    value = loss(outputs, targets)
    first, again = (torch.autograd.grad(value, outputs, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.traced
@pytest.mark.parametrize("classes", [2, 4, 128, 129])
def test_compiled_it_is_the_same_for_few_classes_and_many(classes: int) -> None:
    """What is compiled masks where the eager module scatters, up to some number of classes."""
    loss = freeze(
        LossSpec("multiclass", {"mix.cross_entropy": 1, "focal.gamma": 1, "label_smoothing.epsilon": 0.2})
    )
    outputs, targets = torch.randn(9, classes, dtype=torch.float64), torch.arange(9) % classes
    try:
        got = value_and_gradient(torch.compile(loss, fullgraph=True, backend="aot_eager"), outputs, targets)
    finally:
        torch._dynamo.reset()
    for one, two in zip(got, value_and_gradient(loss, outputs, targets), strict=True):
        torch.testing.assert_close(one, two)


@pytest.mark.traced
@pytest.mark.parametrize("ahead", [-1000.0, 1000.0])
@pytest.mark.parametrize("classes", [4, 129])
def test_compiled_a_sample_far_from_the_boundary_has_a_finite_gradient(classes: int, ahead: float) -> None:
    """The exponential of a true class far ahead overflows in what is compiled, and nothing reads it."""
    outputs, targets = torch.zeros(3, classes), torch.arange(3)
    outputs[torch.arange(3), targets] = ahead
    try:
        compiled = torch.compile(freeze(SPEC.bind([9] * classes)), fullgraph=True, backend="aot_eager")
        got = value_and_gradient(compiled, outputs, targets)
    finally:
        torch._dynamo.reset()
    for one, two in zip(
        got, value_and_gradient(freeze(SPEC.bind([9] * classes)), outputs, targets), strict=True
    ):
        assert bool(one.isfinite().all())
        torch.testing.assert_close(one, two)


def test_classes_that_are_out_of_the_question_leave_the_others_alone() -> None:
    """A logit of minus infinity at a wrong class is as if the class were not there."""
    outputs, targets = torch.randn(6, 4, dtype=torch.float64), torch.arange(6) % 3
    outputs[:, 3] = -torch.inf
    loss = freeze(LossSpec("multiclass", {"mix.cross_entropy": 1, "focal.gamma": 1}))
    leaf = outputs.requires_grad_()
    value = loss(leaf, targets)
    torch.testing.assert_close(value, loss(outputs[:, :3], targets))
    assert bool((torch.autograd.grad(value, leaf)[0][:, 3] == 0).all())


def test_a_confident_sample_keeps_its_digits_in_float32() -> None:
    """With smoothing and a small gamma the loss of a gap of 100 is not 0: an underflow would be seen here."""
    outputs = torch.tensor([[100.0, 0.0, -1.0, 0.5]])
    targets = torch.tensor([0])
    single: list[Any] = []
    for dtype in (torch.float32, torch.float64):
        leaf: Tensor = outputs.to(dtype).requires_grad_()
        value = freeze(SPEC)(leaf, targets)
        single += [value.double(), torch.autograd.grad(value, leaf)[0].double()]
    torch.testing.assert_close(single[0], single[2], rtol=1e-5, atol=0)
    torch.testing.assert_close(single[1], single[3], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.3, 2.0])
def test_focal_cross_entropy_of_labels_is_differentiated_as_often_as_wanted(gamma: float) -> None:
    """Its written gradient and the gradient of that are the derivatives, also at 0, and vmap takes it."""
    spec = LossSpec("multilabel", {"mix.cross_entropy": 1, "focal.gamma": gamma, "pos_weight.weight": 3})
    outputs = torch.tensor([[0.0, -1.3], [2.5, 0.0], [-30.0, 30.0]], dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    assert "_FocalCrossEntropy" in source(spec)
    for loss in (freeze(spec), exported(spec)):
        assert torch.autograd.gradcheck(lambda o: loss(o, targets), outputs)  # noqa: B023
        assert torch.autograd.gradgradcheck(lambda o: loss(o, targets), outputs)  # noqa: B023
        wanted = torch.autograd.grad(loss(outputs, targets), outputs)[0]
        stacked = torch.stack([outputs.detach(), outputs.detach()])
        slopes = torch.func.vmap(torch.func.grad(lambda o: loss(o, targets)))(stacked)  # noqa: B023
        torch.testing.assert_close(slopes, torch.stack([wanted, wanted]))


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.traced)])
@pytest.mark.parametrize("gamma", [0.1, 2.0])
def test_confident_labels_keep_their_digits_in_float32(gamma: float, compiled: bool) -> None:  # noqa: FBT001
    """A right answer at a logit of 20 has a loss near e^-20, not 0; a wrong one at 6e4 is not infinite."""
    plain = freeze(LossSpec("multilabel", {"mix.cross_entropy": 1, "focal.gamma": gamma}))
    loss: Any = torch.compile(plain, fullgraph=True, backend="aot_eager") if compiled else plain
    for logit, answer in ((20.0, 1.0), (-20.0, 0.0), (20.0, 0.0), (-100.0, 1.0), (6e4, 0.0)):
        single, double = (
            value_and_gradient(loss, torch.tensor([[logit]], dtype=d), torch.tensor([[answer]], dtype=d))
            for d in (torch.float32, torch.float64)
        )
        for one, two in zip(single, double, strict=True):
            # The exponent of float32 has seven digits: with 20 in it five are left behind the point.
            torch.testing.assert_close(one.double(), two, rtol=2e-5, atol=0)


def test_a_gradient_that_ends_behind_the_loss_is_none_before_it() -> None:
    """Autograd hands on that nothing depends on the outputs, and does not fail on it."""

    class End(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, loss: Tensor) -> Tensor:  # noqa: ARG004  (autograd's own signature)
            return loss.sum()

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> None:  # noqa: ARG004
            return None

    gap = torch.randn(4, requires_grad=True)
    End.apply(focal_cross_entropy(gap, gamma=2.0)).backward()  # type: ignore[no-untyped-call]
    assert gap.grad is None


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_what_is_added_to_all_logits_costs_no_digits(compiled: bool) -> None:  # noqa: FBT001
    """In float32 a common offset of 2^14 changes neither the loss nor the gradient, compiled or not."""
    spec = LossSpec("multiclass", {**SPEC.parameters, "logit_adjustment.tau": 0.0})
    logits, targets = torch.randint(-40, 40, (64, 8)) / 8, torch.arange(64) % 8
    loss: Any = torch.compile(freeze(spec), fullgraph=True) if compiled else freeze(spec)
    near, far = (value_and_gradient(loss, logits + offset, targets) for offset in (0.0, 2.0**14))
    for one, other in zip(near, far, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)


def test_loaded_constants_count_in_every_precision() -> None:
    """A module that is given another's state computes the other's loss, in float32 and in float64."""
    other = SPEC.bind([8, 17, 40, 90])
    loss, wanted = freeze(SPEC), freeze(other)
    loss.load_state_dict(wanted.state_dict())
    for dtype in (torch.float32, torch.float64):
        outputs, targets = torch.randn(6, 4, dtype=dtype), torch.arange(6) % 4
        assert torch.equal(loss(outputs, targets), wanted(outputs, targets))


def test_a_frozen_loss_may_be_copied_and_sent_to_another_process() -> None:
    """A copy, and what comes out of pickle, computes the same: workers and wrappers of models do both."""
    outputs, targets = torch.randn(6, 4), torch.arange(6) % 4
    loss = freeze(SPEC)
    for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):  # noqa: S301  (what we have just made)
        assert torch.equal(other(outputs, targets), loss(outputs, targets))
