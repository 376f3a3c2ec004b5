"""A user's function as a metric: in scikit-learn's form or in torch's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from sklearn import metrics as reference
from torch import Tensor

from lossmith.losses import Kind, UserError
from lossmith.search.metrics import METRICS, metric_of

MEMBERS, SAMPLES, DRAWS = 4, 30, 3
DRAW = torch.Generator().manual_seed(1)
LOGITS, LABELS = torch.randn(MEMBERS, SAMPLES, 3, generator=DRAW), torch.arange(SAMPLES) % 3
ANSWERS, TRUTH = torch.randn(MEMBERS, SAMPLES, 1, generator=DRAW), (torch.arange(SAMPLES) % 2).float()


def hits(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of right decisions, from logits."""
    return (outputs.argmax(-1) == targets).float().mean()


def spread(outputs: Tensor, targets: Tensor) -> float:
    """How far apart outputs and targets are at most."""
    return float((outputs.reshape(-1) - targets).abs().max())


SCIKIT: list[tuple[str, Kind, Callable[..., Any]]] = [
    ("accuracy", "multiclass", reference.accuracy_score),
    ("balanced_accuracy", "multiclass", reference.balanced_accuracy_score),
    ("log_loss", "multiclass", partial(reference.log_loss, labels=[0, 1, 2])),
    ("f1", "binary", reference.f1_score),
    ("auroc", "binary", reference.roc_auc_score),
    ("brier", "binary", reference.brier_score_loss),
    ("mae", "regression", reference.mean_absolute_error),
]


@pytest.mark.parametrize(("name", "kind", "function"), SCIKIT)
def test_a_function_of_scikit_learn_is_understood(
    name: str, kind: Kind, function: Callable[..., Any]
) -> None:
    """Targets first, as NumPy arrays; `y_pred` gets predictions, `y_score` and `y_proba` probabilities."""
    outputs, targets = (LOGITS, LABELS) if kind == "multiclass" else (ANSWERS, TRUTH)
    own = metric_of(function, kind, name="own", greater_is_better=METRICS[name].greater_is_better)
    assert own.sign == METRICS[name].sign
    assert own(outputs, targets).tolist() == pytest.approx(METRICS[name](outputs, targets).tolist(), rel=1e-6)


def test_a_function_of_tensors_gets_outputs_and_targets() -> None:
    """In that order, as losses have it, one member at a time."""
    own = metric_of(hits, "multiclass")
    assert own.name == "hits"
    assert own(LOGITS, LABELS).tolist() == pytest.approx(METRICS["accuracy"](LOGITS, LABELS).tolist())
    assert metric_of(spread, "regression")(ANSWERS, TRUTH).shape == (MEMBERS,)


def test_what_a_function_reads_can_be_said() -> None:
    """`reads` goes before what the names of the arguments suggest."""
    seen: list[Tensor] = []

    def look(answers: Tensor, targets: Tensor) -> float:
        seen.append(answers)
        return float(len(targets))

    for reads in ("outputs", "probabilities", "predictions"):
        metric_of(look, "multiclass", reads=reads)(LOGITS[:1], LABELS)
    torch.testing.assert_close(seen[0], LOGITS[0])
    torch.testing.assert_close(seen[1], LOGITS[0].double().softmax(-1))
    assert torch.equal(seen[2], LOGITS[0].argmax(-1))


def test_weights_repeat_the_samples() -> None:
    """A bootstrap's draw of an own metric is that of the built-in one: (draws, members)."""
    weights = torch.randint(3, (DRAWS, SAMPLES), generator=DRAW).double()
    own, built_in = metric_of(reference.accuracy_score, "multiclass"), METRICS["accuracy"]
    torch.testing.assert_close(
        own.score(LOGITS, LABELS, weights), built_in.score(LOGITS, LABELS, weights), rtol=1e-12, atol=0
    )
    assert not own.batched
    assert built_in.batched


def fails(outputs: Tensor, targets: Tensor) -> float:
    """Does not like its input."""
    del outputs, targets
    raise ZeroDivisionError("no\nsamples")


def alone(outputs: Tensor) -> float:
    """Takes one argument."""
    return float(outputs.sum())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: metric_of(0.5, "binary"), "must be a function or a name, but got float"),  # type: ignore[arg-type]
        (lambda: metric_of(lambda o, t: 0.0, "binary"), "lambda must have a name"),
        (lambda: metric_of(alone, "binary"), "alone must take two arguments, answers and targets"),
        (lambda: metric_of(hits, "multi"), "unknown kind 'multi': did you mean multilabel or multiclass"),
        (lambda: metric_of(hits, "binary", reads="logits"), "unknown thing a metric reads 'logits'"),  # type: ignore[arg-type]
        (lambda: metric_of(fails, "binary")(ANSWERS, TRUTH), "fails must return a number .* no samples"),
        (
            lambda: metric_of(lambda o, t: o, "binary", name="o")(ANSWERS, TRUTH),
            "metric o must return a number",
        ),
        (
            lambda: metric_of(spread, "binary").score(ANSWERS, TRUTH, torch.full((1, SAMPLES), 0.5)),
            "weights that are whole numbers",
        ),
    ],
)
def test_what_is_no_metric_is_refused(make: Callable[[], Any], words: str) -> None:
    """In one line that says what a metric must be."""
    with pytest.raises(UserError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def own_weighted(outputs: Tensor, targets: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    """The share of right decisions, where samples may count by fractions."""
    right = (outputs.argmax(-1) == targets).double()
    return right.mean() if sample_weight is None else (right * sample_weight).sum() / sample_weight.sum()


@pytest.mark.parametrize("function", [reference.accuracy_score, own_weighted])
def test_a_function_that_takes_weights_gets_them(function: Callable[..., Any]) -> None:
    """Fractions too, in scikit-learn's form and in torch's: as the built-in metric counts them."""
    weights = torch.rand(SAMPLES, generator=DRAW, dtype=torch.float64)
    weights[3] = 0
    own = metric_of(function, "multiclass", name="own").weighted(weights)
    assert own.takes_weights
    wanted = METRICS["accuracy"].weighted(weights)(LOGITS, LABELS)
    torch.testing.assert_close(own(LOGITS, LABELS), wanted)
    drawn = torch.randint(3, (DRAWS, SAMPLES), generator=DRAW).double()
    torch.testing.assert_close(
        own.score(LOGITS, LABELS, drawn),
        METRICS["accuracy"].score(LOGITS, LABELS, drawn * weights),
    )


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "log_loss", "auroc"])
def test_a_weight_of_two_is_the_sample_twice(name: str) -> None:
    """A weighted metric is the metric of as many samples as the weights say."""
    weights = torch.randint(1, 4, (SAMPLES,), generator=DRAW)
    rows = torch.arange(SAMPLES).repeat_interleave(weights)
    metric = METRICS[name]
    torch.testing.assert_close(
        metric.weighted(weights)(LOGITS, LABELS), metric(LOGITS[:, rows], LABELS[rows])
    )
    assert metric.weighted(None) is metric
