"""A metric made of a user's function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ...losses import Kind
from ...losses.errors import UserError, one_line, unknown
from ...losses.kinds import kind_named
from .metric import Metric
from .number import plain_number

Reads = Literal["outputs", "probabilities", "predictions"]
_WEIGHTS = "sample_weight"
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

    A function of scikit-learn, or one whose first argument is called `y_true`, is called with NumPy arrays as
    function(targets, answers); any other with tensors as function(answers, targets). One that takes
    `sample_weight` gets it where samples do not count alike.

    Args:
        function: Returns a number for the answers and the targets of one model. Answers have the shape of the
            targets, (N,), (N, L) or (N, D), also where the model's outputs are (N, 1); logits and
            probabilities of classes alone are (N, K) beside targets (N,).
        kind: The kind of problem.
        greater_is_better: Whether the best number is the largest.
        name: What the metric is shown as; default: the function's name.
        reads: What answers are: `outputs` as the model gives them (logits (N, K), (N,) or (N, L), predictions
            (N,) or (N, D)), `probabilities` of that shape, or `predictions` (class indices (N,), zeros and
            ones, numbers). Default: outputs; in scikit-learn's form probabilities where the second
            argument is called `y_score`, `y_prob` or `y_proba`, and predictions otherwise.

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
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise UserError(
            f"metric {shown} must be a plain function that returns a number, but it is async or yields"
        )
    arguments = _arguments(function, shown)
    scikit = arguments[0] == _TRUTH or _is_scikit_learn(function)
    reads = reads or _read_by(arguments[1], scikit=scikit)
    if reads not in get_args(Reads):
        raise unknown("thing a metric reads", reads, get_args(Reads))
    call = _as_scikit_learn(function) if scikit else function
    weighs = _WEIGHTS in _parameters(function)

    def answers(outputs: Tensor, targets: Tensor) -> Tensor:
        """What the function reads, of all members (M, N, ...)."""
        # Outputs (N, 1) beside targets (N,) would be compared every one with every other, without a word.
        shaped = outputs if of_kind.decision == "argmax" else outputs.reshape(len(outputs), *targets.shape)
        if reads == "outputs":
            return shaped
        if reads == "predictions":
            return of_kind.predictions(shaped)
        return of_kind.probabilities(shaped.double())

    def score(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        made = _scores(call, shown, answers(outputs, targets), targets, weights, weighs=weighs)
        return made.to(outputs.device)

    decided = reads == "predictions" and of_kind.decision is not None
    return Metric(
        shown,
        (kind,),
        score,
        greater_is_better,
        batched=False,
        of_decisions=decided,
        takes_weights=weighs,
    )


def _arguments(function: Callable[..., Any], name: str) -> list[str]:
    """The names of the two arguments that a call by position fills."""
    found = _parameters(function).values()
    if not found:
        return ["outputs", "targets"]
    places = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes = len(places) >= 2 or any(p.kind is p.VAR_POSITIONAL for p in found)
    if not takes:
        raise UserError(
            f"metric {name} must take two arguments, answers and targets, but takes {len(places)}"
        )
    return [*places, "outputs", "targets"][:2] if len(places) < 2 else places[:2]


def _is_scikit_learn(function: Callable[..., Any]) -> bool:
    """Whether a function, or what a `partial` calls, is one of scikit-learn's own."""
    return str(getattr(getattr(function, "func", function), "__module__", "")).startswith("sklearn.")


def _read_by(second: str, *, scikit: bool) -> Reads:
    """What a function reads by the name of its second argument."""
    if not scikit:
        return "outputs"
    return "probabilities" if second in _SCORES else "predictions"


def _as_scikit_learn(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(answers: Tensor, targets: Tensor, **more: Tensor) -> Any:
        arrays = {name: value.cpu().numpy() for name, value in more.items()}
        return function(targets.cpu().numpy(), answers.cpu().numpy(), **arrays)

    return call


def _scores(
    call: Callable[..., Any], name: str, answers: Tensor, targets: Tensor, weights: Tensor, *, weighs: bool
) -> Tensor:
    """The number of each member for each weighting, (D, M): samples are repeated, or passed with weights."""
    counts, samples = weights.round().long(), torch.arange(len(targets), device=targets.device)
    whole = torch.equal(counts.to(weights.dtype), weights)
    if not whole and not weighs:
        raise UserError(
            f"metric {name} takes weights that are whole numbers, for it has no argument {_WEIGHTS}; add "
            "one, or name a built-in metric"
        )
    found = []
    for weight, count in zip(weights, counts, strict=True):
        rows = samples.repeat_interleave(count) if whole else weight.nonzero()[:, 0]
        more = {} if whole else {_WEIGHTS: weight[rows]}
        found.append([_number(call, name, one[rows], targets[rows], more) for one in answers])
    return torch.tensor(found, dtype=torch.float64)


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions written in C have no signature
        return {}


def _number(
    call: Callable[..., Any], name: str, answers: Tensor, targets: Tensor, more: Mapping[str, Tensor]
) -> float:
    rule = (
        f"metric {name} must return a number for answers {tuple(answers.shape)} and targets "
        f"{tuple(targets.shape)}, but it"
    )
    try:
        found = call(answers, targets, **more)
    except (Exception, SystemExit) as error:
        raise UserError(f"{rule} raised {type(error).__name__}: {one_line(error)}") from error
    try:
        return plain_number(found)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        got = one_line(repr(found), 60)
        raise UserError(f"{rule} returned {got} of type {type(found).__name__}") from None
