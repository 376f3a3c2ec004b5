"""Each metric is scikit-learn's, for many members and many weightings at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as reference
from torch import Tensor

from lossmith.search import metrics
from lossmith.search.metrics import METRICS

MEMBERS, SAMPLES, DRAWS = 5, 40, 7
Reference = Callable[[Any, Any], float]
REFERENCES: dict[str, Reference] = {
    "accuracy": reference.accuracy_score,
    "balanced_accuracy": reference.balanced_accuracy_score,
    "macro_f1": lambda truth, found: reference.f1_score(truth, found, average="macro", zero_division=0),
    "binary_accuracy": lambda truth, found: 1 - reference.hamming_loss(truth, found),
    "rmse": reference.root_mean_squared_error,
    "mae": reference.mean_absolute_error,
    "r2": reference.r2_score,
}
# What follows the samples in the shapes (of outputs, of targets) that a metric meets.
LOGITS = [((4,), ())]
NUMBERS = [((), ()), ((1,), ()), ((1,), (1,)), ((3,), (3,))]
CASES = [
    (name, outputs, targets)
    for name, metric in METRICS.items()
    for outputs, targets in (LOGITS if "multiclass" in metric.kinds else NUMBERS)
]


def drawn(name: str, outputs: tuple[int, ...], targets: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Outputs of MEMBERS members and targets, of SAMPLES samples; one class of four is never the truth."""
    draw = torch.Generator().manual_seed(1)
    made = torch.randn(MEMBERS, SAMPLES, *outputs, generator=draw)
    if METRICS[name].kinds == ("multiclass",):
        return made, torch.randint(3, (SAMPLES,), generator=draw)
    noise = torch.randn(SAMPLES, *targets, generator=draw)
    return made, noise if "regression" in METRICS[name].kinds else (noise > 0).float()


def decided(name: str, outputs: Tensor, targets: Tensor) -> Any:
    """What one member predicts, as scikit-learn takes it."""
    if METRICS[name].kinds == ("multiclass",):
        return outputs.argmax(-1).numpy()
    shaped = outputs.reshape(targets.shape).numpy()
    return shaped if "regression" in METRICS[name].kinds else (shaped > 0).astype(np.float32)


def test_every_metric_is_compared() -> None:
    """No metric is without a reference."""
    assert REFERENCES.keys() == METRICS.keys()
    assert all(name == metric.name for name, metric in METRICS.items())


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")  # they are meant to
@pytest.mark.parametrize(("name", "outputs", "targets"), CASES)
def test_a_metric_is_that_of_scikit_learn(
    name: str, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    """All members at once get what scikit-learn gives each, but for float32 arithmetic there (1e-6)."""
    made, truth = drawn(name, outputs, targets)
    found = METRICS[name](made, truth)
    wanted = [REFERENCES[name](truth.numpy(), decided(name, one, truth)) for one in made]
    assert found.shape == (MEMBERS,)
    assert found.tolist() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(("name", "outputs", "targets"), CASES)
def test_a_weight_of_two_is_the_sample_twice(
    name: str, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    """Whole-number weights, 0 among them, score as repeated samples do, summed in another order."""
    made, truth = drawn(name, outputs, targets)
    weights = torch.randint(3, (DRAWS, SAMPLES), generator=torch.Generator().manual_seed(2)).double()
    metric = METRICS[name]
    found = metric.score(metric.prepare(made), truth, weights)
    assert found.shape == (DRAWS, MEMBERS)
    for row, counts in zip(found, weights.long(), strict=True):
        repeated = torch.arange(SAMPLES).repeat_interleave(counts)
        assert row.tolist() == pytest.approx(metric(made[:, repeated], truth[repeated]).tolist(), rel=1e-10)


@pytest.mark.parametrize(("name", "outputs", "targets"), CASES)
def test_members_do_not_influence_each_other(
    name: str, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    """A member's score is the same alone as among others."""
    made, truth = drawn(name, outputs, targets)
    alone = [float(METRICS[name](made[member : member + 1], truth)) for member in range(MEMBERS)]
    assert METRICS[name](made, truth).tolist() == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_the_sign_says_which_way_is_better(name: str) -> None:
    """Perfect outputs score better, by the metric's sign, than outputs that are wrong throughout."""
    metric = METRICS[name]
    if "multiclass" in metric.kinds:
        truth = torch.arange(SAMPLES) % 3
        right, wrong = torch.eye(3)[truth], torch.eye(3)[(truth + 1) % 3]
    else:
        truth = (torch.arange(SAMPLES) % 2).float()
        right, wrong = 2 * truth - 1, 1 - 2 * truth
        right, wrong = (right, wrong) if "binary" in metric.kinds else (truth, 1 - truth)
    best, worst = metric(torch.stack([right, wrong]), truth).tolist()
    assert metric.sign * best > metric.sign * worst


@pytest.mark.parametrize("name", ["macro_f1", "balanced_accuracy"])
def test_many_members_are_counted_in_pieces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held at a time, a limit on memory, does not show in the scores."""
    made, truth = drawn(name, (4,), ())
    whole = METRICS[name](made, truth)
    monkeypatch.setattr(metrics, "NUMBERS_AT_ONCE", 2 * SAMPLES * 4)
    assert torch.equal(METRICS[name](made, truth), whole)


@pytest.mark.parametrize("constant", [True, False])
def test_r2_of_targets_that_do_not_vary_is_finite(constant: bool) -> None:  # noqa: FBT001  (a case)
    """As in scikit-learn: 1 where the constant is predicted, 0 where it is not; never NaN or infinite."""
    truth = torch.full((6,), 0.5)
    outputs = truth if constant else truth + 1
    wanted = reference.r2_score(truth.numpy(), outputs.numpy())
    assert METRICS["r2"](outputs[None], truth).tolist() == [wanted]


def test_r2_does_not_suffer_from_an_offset() -> None:
    """Near a million targets score as near zero; float64 holds a spread of one to 1e-10 there."""
    draw = torch.Generator().manual_seed(3)
    truth = torch.randn(SAMPLES, generator=draw, dtype=torch.float64)
    outputs = truth + 0.3 * torch.randn(2, SAMPLES, generator=draw, dtype=torch.float64)
    near, far = METRICS["r2"](outputs, truth), METRICS["r2"](outputs + 1e6, truth + 1e6)
    torch.testing.assert_close(far, near, rtol=1e-8, atol=0)


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_errors_of_any_size_give_a_finite_score(name: str) -> None:
    """Outputs near the end of float32, whose squares are beyond it, still have a score that can be ranked."""
    score = METRICS[name](torch.full((1, SAMPLES), 3e38), torch.randn(SAMPLES))
    assert bool(score.isfinite().all())
