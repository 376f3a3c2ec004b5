"""A metric made of a user's function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ...losses import Kind
from ...losses.errors import UserError, one_line, unknown
from ...losses.kinds import kind_named
from .metric import Metric

Reads = Literal["outputs", "probabilities", "predictions"]
_TRUTH = "y_true"  # what scikit-learn's metrics call their first argument
_SCORES = ("y_score", "y_prob", "y_proba")


def metric_of(
    function: Callable[..., Any],
    kind: Kind,
    *,
    greater_is_better: bool = True,
    name: str | None = None,
    reads: Reads | None = None,
) -> Metric:
    """A metric from a function of one model's answers and the targets, called for one member after another.

    A function whose first argument is called `y_true`, as those of scikit-learn are, is called with NumPy
    arrays as function(targets, answers); any other with tensors as function(answers, targets).

    Args:
        function: Returns a number for the answers and the targets of one model.
        kind: The kind of problem.
        greater_is_better: Whether the best number is the largest.
        name: What the metric is shown as; default: the function's name.
        reads: What answers are: `outputs` as the model gives them (logits (N, K), (N,) or (N, L), predictions
            (N,) or (N, D)), `probabilities` of that shape, or `predictions` (class indices (N,), zeros and
            ones, numbers). Default: with `y_true`, probabilities where the second argument is called
            `y_score`, `y_prob` or `y_proba`, and predictions otherwise; without it, outputs.

    Raises:
        UserError: `function` takes no two arguments or is a lambda without a name, or the kind is unknown.
            The metric itself raises it where the function fails or returns no number.

    Example:
        >>> from sklearn.metrics import matthews_corrcoef
        >>> metric_of(matthews_corrcoef, "binary").of_decisions
        True
    """
    of_kind = kind_named(kind)
    if not callable(function):
        raise UserError(f"a metric must be a function or a name, but got {type(function).__name__}")
    shown = str(name or getattr(function, "__name__", type(function).__name__))
    if shown == "<lambda>":
        raise UserError("a metric that is a lambda must have a name, as in metric_of(..., name='gain')")
    arguments = _arguments(function, shown)
    reads = reads or _read_by(arguments)
    if reads not in get_args(Reads):
        raise unknown("thing a metric reads", reads, get_args(Reads))
    call = _as_scikit_learn(function) if arguments[0] == _TRUTH else function

    def answers(outputs: Tensor, targets: Tensor) -> Tensor:
        """What the function reads, of all members (M, N, ...)."""
        if reads == "outputs":
            return outputs
        shaped = outputs if of_kind.decision == "argmax" else outputs.reshape(len(outputs), *targets.shape)
        if reads == "predictions":
            return of_kind.predictions(shaped)
        return of_kind.probabilities(shaped.double())

    def score(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        counts = weights.round().long()
        if not torch.equal(counts.to(weights.dtype), weights):
            raise UserError(f"metric {shown} takes weights that are whole numbers, as a bootstrap draws them")
        samples = torch.arange(len(targets), device=targets.device)
        draws = [samples.repeat_interleave(row) for row in counts]
        read = answers(outputs, targets)
        found = [[_number(call, shown, one[rows], targets[rows]) for one in read] for rows in draws]
        return torch.tensor(found, dtype=torch.float64, device=outputs.device)

    decided = reads == "predictions" and of_kind.decision is not None
    return Metric(shown, (kind,), score, greater_is_better, batched=False, of_decisions=decided)


def _arguments(function: Callable[..., Any], name: str) -> list[str]:
    """The names of the two arguments that a call by position fills."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions written in C have no signature
        return ["outputs", "targets"]
    places = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes = len(places) >= 2 or any(p.kind is p.VAR_POSITIONAL for p in found)
    if not takes:
        raise UserError(
            f"metric {name} must take two arguments, answers and targets, but takes {len(places)}"
        )
    return [*places, "outputs", "targets"][:2] if len(places) < 2 else places[:2]


def _read_by(arguments: list[str]) -> Reads:
    if arguments[0] != _TRUTH:
        return "outputs"
    return "probabilities" if arguments[1] in _SCORES else "predictions"


def _as_scikit_learn(function: Callable[..., Any]) -> Callable[[Tensor, Tensor], Any]:
    return lambda answers, targets: function(targets.cpu().numpy(), answers.cpu().numpy())


def _number(call: Callable[[Tensor, Tensor], Any], name: str, answers: Tensor, targets: Tensor) -> float:
    try:
        return float(call(answers, targets))
    except Exception as error:
        raise UserError(
            f"metric {name} must return a number for answers {tuple(answers.shape)} and targets "
            f"{tuple(targets.shape)}, but it raised {type(error).__name__}: {one_line(error)}"
        ) from error
