"""Each metric is scikit-learn's, for many members and many weightings at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as reference
from torch import Tensor

from lossmith.losses import Kind, UserError
from lossmith.search.metrics import METRICS, Metric, metric, metric_named, register_metric, registry

MEMBERS, SAMPLES, DRAWS, CLASSES = 5, 60, 7, 4
Reference = Callable[[Any, Any, Any], float]
# What follows the samples in the shapes (of outputs, of targets) that a kind has.
SHAPES: dict[Kind, list[tuple[tuple[int, ...], tuple[int, ...]]]] = {
    "multiclass": [((CLASSES,), ())],
    "binary": [((), ()), ((1,), ())],
    "multilabel": [((3,), (3,))],
    "regression": [((), ()), ((1,), ()), ((3,), (3,))],
}
NAMES = [*METRICS, "pinball@0.9"]
CASES = [
    (name, kind, outputs, targets)
    for name in NAMES
    for kind in metric_named(name).kinds
    for outputs, targets in SHAPES[kind]
]
case = pytest.mark.parametrize(("name", "kind", "outputs", "targets"), CASES)


def drawn(kind: Kind, outputs: tuple[int, ...], targets: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Outputs of MEMBERS members and targets, of SAMPLES samples, rounded so that many outputs are tied.

    One class of four is never the truth, and one label never given.
    """
    draw = torch.Generator().manual_seed(1)
    made = torch.randn(MEMBERS, SAMPLES, *outputs, generator=draw).mul(3).round() / 3
    if kind == "multiclass":
        return made, torch.randint(CLASSES - 1, (SAMPLES,), generator=draw)
    noise = torch.randn(SAMPLES, *targets, generator=draw)
    if kind == "regression":
        return made, noise
    truth = (noise > 0.3).float()
    if targets:
        truth[:, -1] = 0
    return made, truth


def probabilities(kind: Kind, outputs: Any, truth: Any) -> Any:
    """Softmax or sigmoid in double precision, rounded as log-odds are so that ties stay ties."""
    values = torch.as_tensor(outputs).double()
    made = values.softmax(-1) if kind == "multiclass" else values.reshape(truth.shape).sigmoid()
    return made.numpy().round(12)


def decided(kind: Kind, outputs: Any, truth: Any) -> Any:
    """What one member predicts, as scikit-learn takes it."""
    if kind == "multiclass":
        return outputs.argmax(-1)
    shaped = outputs.reshape(truth.shape)
    return shaped if kind == "regression" else (shaped > 0).astype(np.float32)


def per_column(score: Reference, truth: Any, found: Any, weights: Any, *, both: bool) -> float:
    """The mean of a score of yes and no over the columns that have a yes (and, with `both`, a no)."""
    columns = [(t, f) for t, f in zip(truth.T, found.T, strict=True) if t.any() and not (both and t.all())]
    return float(np.mean([score(t, f, weights) for t, f in columns]))


def one_hot(truth: Any) -> Any:
    """(N, CLASSES)."""
    return np.eye(CLASSES)[truth]


def ranked(score: Reference, kind: Kind, outputs: Any, truth: Any, weights: Any, *, both: bool) -> float:
    """A score of ranked samples, one class or label after the other."""
    found = probabilities(kind, outputs, truth)
    table = one_hot(truth) if kind == "multiclass" else truth.reshape(SAMPLES, -1)
    return per_column(score, table, found.reshape(SAMPLES, -1), weights, both=both)


def f1_of(average: str) -> Callable[[Kind, Any, Any, Any], float]:
    """F1; what occurs neither in targets nor in decisions is left out."""

    def score(kind: Kind, outputs: Any, truth: Any, weights: Any) -> float:
        found = decided(kind, outputs, truth)
        return float(
            reference.f1_score(truth, found, average=average, zero_division=np.nan, sample_weight=weights)
        )

    return score


def by_decision(score: Callable[..., float]) -> Callable[[Kind, Any, Any, Any], float]:
    """A function of scikit-learn that takes decisions or predictions."""
    return lambda kind, outputs, truth, weights: score(
        truth, decided(kind, outputs, truth), sample_weight=weights
    )


def log_loss(kind: Kind, outputs: Any, truth: Any, weights: Any) -> float:
    """scikit-learn's; over labels the mean."""
    found = probabilities(kind, outputs, truth)
    if kind == "multiclass":
        return float(reference.log_loss(truth, found, labels=range(CLASSES), sample_weight=weights))
    columns = zip(truth.reshape(SAMPLES, -1).T, found.reshape(SAMPLES, -1).T, strict=True)
    return float(
        np.mean([reference.log_loss(t, f, labels=[0, 1], sample_weight=weights) for t, f in columns])
    )


def brier(kind: Kind, outputs: Any, truth: Any, weights: Any) -> float:
    """scikit-learn's; over labels the mean, of one without a yes by hand."""
    found = probabilities(kind, outputs, truth)
    if kind == "multiclass":
        return float(reference.brier_score_loss(truth, found, labels=range(CLASSES), sample_weight=weights))
    if kind == "binary":
        return float(reference.brier_score_loss(truth, found, sample_weight=weights))
    return float(np.average(((found - truth) ** 2).mean(1), weights=weights))


def calibration_error(kind: Kind, outputs: Any, truth: Any, weights: Any) -> float:
    """The definition, sample by sample and bin by bin."""
    found = probabilities(kind, outputs, truth)
    if kind == "multiclass":
        sure, right = found.max(1)[:, None], (found.argmax(1) == truth)[:, None]
    else:
        sure, right = found.reshape(SAMPLES, -1), truth.reshape(SAMPLES, -1)
    edges, total = np.linspace(0, 1, 16), []
    for one, true in zip(sure.T, right.T, strict=True):
        gap = 0.0
        for low, high in pairwise(edges):
            inside = (one > low) & (one <= high)
            if inside.any():
                w = weights[inside]
                gap += abs((w * true[inside]).sum() - (w * one[inside]).sum()) / weights.sum()
        total.append(gap)
    return float(np.mean(total))


REFERENCES: dict[str, Callable[[Kind, Any, Any, Any], float]] = {
    "accuracy": by_decision(reference.accuracy_score),
    "balanced_accuracy": by_decision(reference.balanced_accuracy_score),
    "macro_f1": f1_of("macro"),
    "micro_f1": f1_of("micro"),
    "f1": f1_of("binary"),
    "binary_accuracy": by_decision(
        lambda t, f, sample_weight: np.average((t == f).reshape(SAMPLES, -1).mean(1), weights=sample_weight)
    ),
    "subset_accuracy": by_decision(reference.accuracy_score),
    "auroc": lambda k, o, t, w: ranked(
        lambda a, b, c: reference.roc_auc_score(a, b, sample_weight=c), k, o, t, w, both=True
    ),
    "average_precision": lambda k, o, t, w: ranked(
        lambda a, b, c: reference.average_precision_score(a, b, sample_weight=c), k, o, t, w, both=False
    ),
    "log_loss": log_loss,
    "brier": brier,
    "calibration_error": calibration_error,
    "rmse": by_decision(reference.root_mean_squared_error),
    "mae": by_decision(reference.mean_absolute_error),
    "median_ae": by_decision(reference.median_absolute_error),
    "r2": by_decision(reference.r2_score),
    "pinball@0.9": by_decision(
        lambda t, f, sample_weight: reference.mean_pinball_loss(t, f, alpha=0.9, sample_weight=sample_weight)
    ),
}
REFERENCES["mAP"] = REFERENCES["average_precision"]


def test_every_metric_is_compared() -> None:
    """No metric is without a reference, and each is found by its own name."""
    assert REFERENCES.keys() == set(NAMES)
    assert all(metric_named(name).name == name for name in NAMES)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")  # they are meant to
@case
def test_a_metric_is_that_of_scikit_learn(
    name: str, kind: Kind, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    """All members at once get what scikit-learn gives each, but for float32 arithmetic there (1e-6)."""
    made, truth = drawn(kind, outputs, targets)
    found = metric_named(name)(made, truth)
    wanted = [REFERENCES[name](kind, one.numpy(), truth.numpy(), np.ones(SAMPLES)) for one in made]
    assert found.shape == (MEMBERS,)
    assert found.tolist() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@case
def test_a_weighted_metric_is_that_of_scikit_learn(
    name: str, kind: Kind, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    """Weights may be fractions; each draw has its own."""
    made, truth = drawn(kind, outputs, targets)
    weights = torch.rand(DRAWS, SAMPLES, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    found = metric_named(name).score(made, truth, weights)
    assert found.shape == (DRAWS, MEMBERS)
    for row, drawn_weights in zip(found, weights, strict=True):
        wanted = [REFERENCES[name](kind, one.numpy(), truth.numpy(), drawn_weights.numpy()) for one in made]
        assert row.tolist() == pytest.approx(wanted, rel=1e-6)


@case
def test_a_weight_of_two_is_the_sample_twice(
    name: str, kind: Kind, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    """Whole-number weights, 0 among them, score as repeated samples do, summed in another order."""
    made, truth = drawn(kind, outputs, targets)
    weights = torch.randint(3, (DRAWS, SAMPLES), generator=torch.Generator().manual_seed(2)).double()
    found = metric_named(name).score(made, truth, weights)
    for row, counts in zip(found, weights.long(), strict=True):
        repeated = torch.arange(SAMPLES).repeat_interleave(counts)
        alone = metric_named(name)(made[:, repeated], truth[repeated])
        assert row.tolist() == pytest.approx(alone.tolist(), rel=1e-10)


@case
def test_members_do_not_influence_each_other(
    name: str, kind: Kind, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    """A member's score is the same alone as among others."""
    made, truth = drawn(kind, outputs, targets)
    measure = metric_named(name)
    alone = [float(measure(made[member : member + 1], truth)) for member in range(MEMBERS)]
    assert measure(made, truth).tolist() == pytest.approx(alone, rel=1e-12)


@case
def test_many_members_are_scored_in_pieces(
    name: str,
    kind: Kind,
    outputs: tuple[int, ...],
    targets: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is held at a time, a limit on memory, shows in the scores by rounding alone."""
    made, truth = drawn(kind, outputs, targets)
    weights = torch.randint(3, (DRAWS, SAMPLES), generator=torch.Generator().manual_seed(2)).double()
    whole = metric_named(name).score(made, truth, weights)
    for numbers in (1, 2 * SAMPLES * CLASSES):
        monkeypatch.setattr(metric, "NUMBERS_AT_ONCE", numbers)
        torch.testing.assert_close(metric_named(name).score(made, truth, weights), whole, rtol=1e-12, atol=0)


@case
def test_the_sign_says_which_way_is_better(
    name: str, kind: Kind, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    """Perfect outputs score better, by the metric's sign, than outputs that are wrong throughout."""
    measure = metric_named(name)
    if kind == "multiclass":
        truth = torch.arange(SAMPLES) % 3
        right, wrong = 9 * torch.eye(CLASSES)[truth], 9 * torch.eye(CLASSES)[(truth + 1) % 3]
    else:
        truth = (torch.arange(SAMPLES) % 2).float().reshape(-1, *[1] * len(targets)).expand(SAMPLES, *targets)
        right, wrong = (
            (truth, 1 - truth) if kind == "regression" else (9 * (2 * truth - 1), 9 * (1 - 2 * truth))
        )
    both = torch.stack([right, wrong]).reshape(2, SAMPLES, *outputs)
    best, worst = measure(both, truth).tolist()
    assert measure.sign * best > measure.sign * worst


def degenerate() -> Iterator[tuple[str, Kind, Tensor, Tensor, float]]:
    """Held-out parts that tell little: (name, kind, outputs of a member, targets, the score it gets)."""
    same, logits = torch.zeros(6, dtype=torch.long), torch.eye(3)[torch.tensor([0, 0, 0, 1, 2, 1])]
    ones, answers = torch.ones(6), torch.tensor([3.0, 1, -1, -2, 2, 1])
    yield "balanced_accuracy", "multiclass", logits, same, 0.5
    yield "macro_f1", "multiclass", logits, same, (2 * 3 / (3 + 6)) / 3
    yield "auroc", "multiclass", logits, same, 0.5
    yield "average_precision", "multiclass", logits, same, 1.0
    yield "auroc", "binary", answers, ones, 0.5
    yield "auroc", "binary", answers, 1 - ones, 0.5
    yield "average_precision", "binary", answers, 1 - ones, 0.0
    yield "f1", "binary", -ones, 1 - ones, 0.0
    yield "micro_f1", "multilabel", -ones[:, None].expand(6, 2), (1 - ones)[:, None].expand(6, 2), 0.0
    yield "macro_f1", "multilabel", -ones[:, None].expand(6, 2), (1 - ones)[:, None].expand(6, 2), 0.0
    yield "auroc", "binary", ones, answers.gt(0).float(), 0.5  # the same output for all
    yield "r2", "regression", ones, ones, 1.0
    yield "r2", "regression", answers, ones, 0.0
    yield "median_ae", "regression", answers, ones, 1.5


@pytest.mark.parametrize(("name", "kind", "outputs", "targets", "wanted"), list(degenerate()))
def test_what_cannot_be_told_has_a_score_that_says_so(
    name: str, kind: Kind, outputs: Tensor, targets: Tensor, wanted: float
) -> None:
    """A fold without a class, a single class, a constant: a number that is documented, never NaN."""
    assert kind in metric_named(name).kinds
    assert metric_named(name)(outputs[None], targets).tolist() == pytest.approx([wanted])


def test_a_single_class_has_a_precision_of_one() -> None:
    """Every sample is a yes of the one class that counts, in whatever order."""
    logits = torch.randn(1, 9, 3, generator=torch.Generator().manual_seed(5))
    assert metric_named("mAP")(logits, torch.zeros(9, dtype=torch.long)).tolist() == [1.0]


def test_samples_that_probabilities_cannot_tell_apart_are_ranked() -> None:
    """Logits of 50 and 60 are both a probability of one in double precision; their order still counts."""
    logits = torch.tensor([[[50.0, 0], [60.0, 0], [0, 50.0], [0, 60.0]]])
    truth = torch.tensor([1, 0, 0, 1])
    assert metric_named("auroc")(logits, truth).tolist() == [0.75]
    assert metric_named("auroc")(logits, torch.tensor([1, 0, 1, 1])).tolist() == [1.0]


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


@case
def test_outputs_of_any_size_give_a_finite_score(
    name: str, kind: Kind, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    """Outputs near the ends of float32, whose squares are beyond it, still score as something to rank."""
    made, truth = drawn(kind, outputs, targets)
    huge = torch.where(made > 0, 3e38, -3e38)
    assert bool(metric_named(name)(huge, truth).isfinite().all())


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("roc_auc", "binary", "did you mean auroc"),
        ("neg_log_loss", "multiclass", "did you mean log_loss"),
        ("MAP", "multilabel", "did you mean mAP"),
        ("macro_f", "multiclass", "did you mean macro_f1"),
        ("rmse", "multiclass", "unknown metric for multiclass 'rmse'"),
        ("f1", "multiclass", "choose from .* macro_f1, micro_f1"),
        (
            "pinball",
            "regression",
            r"must have a quantile between 0 and 1, as in pinball@0.9, but got 'pinball'",
        ),
        ("pinball@90", "regression", "but got 'pinball@90'"),
        ("pinball@nan", "regression", "but got 'pinball@nan'"),
        ("mean_pinball_loss", "regression", "did you mean pinball@0.9"),
        ("pinball@0.9", "binary", "unknown metric for binary 'pinball@0.9'"),
        (None, "binary", "unknown metric for binary 'None'"),
    ],
)
def test_an_unknown_metric_is_refused_with_what_was_meant(name: Any, kind: Kind, words: str) -> None:
    """In one line; other libraries' names lead to ours."""
    with pytest.raises(UserError, match=words) as caught:
        metric_named(name, kind)
    assert "\n" not in str(caught.value)


def test_a_metric_has_one_name() -> None:
    """However its quantile is written, so that searches over the same metric can be compared."""
    assert metric_named("pinball@0.90").name == metric_named("pinball@.9").name == "pinball@0.9"
    assert isinstance(metric_named("pinball@.9"), Metric)


def test_a_metric_from_outside_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registered metric is found by its name, and suggested for its aliases."""
    monkeypatch.setattr(registry, "_known", known := dict(METRICS))
    monkeypatch.setattr(registry, "METRICS", known)
    always = Metric("always", ("binary",), METRICS["f1"].score, aliases=("ever",))
    assert register_metric(always) is register_metric(always) is metric_named("always", "binary")
    with pytest.raises(UserError, match="did you mean always"):
        metric_named("ever", "binary")
    with pytest.raises(UserError, match="there is a metric 'f1' already"):
        register_metric(Metric("f1", ("binary",), METRICS["f1"].score))


MISSING = {"multilabel": -1.0, "regression": torch.nan}
SEVERAL = [(n, kind) for n in NAMES for kind in ("multilabel", "regression") if kind in metric_named(n).kinds]


@pytest.mark.parametrize(("name", "kind"), SEVERAL)
def test_missing_labels_count_nothing(name: str, kind: Kind) -> None:
    """A target that is missing changes nothing, whatever the output; the others count as they do alone."""
    score = metric_named(name)
    outputs, targets = drawn(kind, (3,), (3,))
    gaps = torch.rand(targets.shape, generator=torch.Generator().manual_seed(5)) < 0.3
    gaps[:, 2] = True  # of one label nothing is known
    gaps[7] = True  # and of one sample
    holed = targets.masked_fill(gaps, MISSING[kind])
    weights = torch.randint(0, 3, (DRAWS, SAMPLES), generator=torch.Generator().manual_seed(6)).double()
    found = score.score(outputs, holed, weights)
    assert bool(found.isfinite().all())
    other = torch.where(gaps, torch.randn(outputs.shape), outputs)
    torch.testing.assert_close(score.score(other, holed, weights), found)
    # Where the same samples are known of each label, it is the metric of those samples and labels.
    even = targets.clone()
    even[::4] = MISSING[kind]
    rows = torch.arange(SAMPLES) % 4 > 0
    torch.testing.assert_close(score(outputs, even), score(outputs[:, rows], targets[rows]))


@pytest.mark.parametrize("name", ["rmse", "mae", "median_ae", "r2", "log_loss", "brier", "binary_accuracy"])
def test_missing_labels_are_left_out_by_column(name: str) -> None:
    """The mean over the columns of the metric of what is known of each."""
    score = metric_named(name)
    kind = score.kinds[-1]
    outputs, targets = drawn(kind, (3,), (3,))
    gaps = torch.rand(targets.shape, generator=torch.Generator().manual_seed(5)) < 0.3
    alone = [
        score(outputs[:, ~gap, place : place + 1], targets[~gap, place : place + 1])
        for place, gap in enumerate(gaps.T)
    ]
    holed = targets.masked_fill(gaps, MISSING[kind])
    torch.testing.assert_close(score(outputs, holed), torch.stack(alone).mean(0))
