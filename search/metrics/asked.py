"""What a user's metric says of good answers and of the same answers shuffled: which way is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from ...losses.custom import user_error
from ...losses.errors import UserError
from ...losses.kinds import Kind, kind_named
from ..random_streams import generator
from .metric import Metric

MOST = 20_000  # samples that a user's metric is asked about
SHUFFLES = 3
WRONG = 0.1  # of the good answers: a metric may have no number for perfect ones
LOGIT = 3.0
UNSTEADY = 0.1  # of what good answers score beyond shuffled ones: how far a score may be off when repeated
ROUNDING = 1e-5  # of a sum over samples in another order


@dataclass(frozen=True)
class Asked:
    """What a user's metric says of answers of which nine in ten are right.

    Attributes:
        good: The score of those answers.
        shuffled: The mean score of the same answers shuffled over the samples; NaN where it is not finite.
        of_decisions: Whether the metric reads decisions alone.
    """

    good: float
    shuffled: float
    of_decisions: bool

    @property
    def greater_is_better(self) -> bool:
        """Whether good answers score more than shuffled ones."""
        return self.good > self.shuffled


def ask(metric: Metric, kind: Kind, targets: Tensor, classes: int | None) -> Asked | None:
    """Score answers that are nine times in ten right, and the same answers shuffled over the samples.

    Args:
        metric: A user's metric.
        kind: The kind of problem.
        targets: Targets (N, ...) of the task.
        classes: The number of classes for multiclass.

    Returns:
        None where the targets do not vary, so that shuffling changes nothing.

    Raises:
        UserError: The metric raises, returns something else than a finite number, or scores both the same.
    """
    chosen = targets[_rows(targets)]
    if bool((chosen == chosen[:1]).all()):
        return None
    draw = generator("metric asked", metric.name)
    good = _answers(kind, chosen, classes, draw)
    others = [good[torch.randperm(len(good), generator=draw)] for _ in range(SHUFFLES)]
    scores = _scored(metric, torch.stack([good, *others, good]), chosen)
    again = scores.pop()
    if not math.isfinite(scores[0]):
        raise UserError(
            f"metric {metric.name} must return a finite number, but for answers of which nine in ten are "
            f"right it returned {scores[0]}"
        )
    found = [score for score in scores[1:] if math.isfinite(score)]
    shuffled = sum(found) / len(found) if found else math.nan
    if found and all(math.isclose(score, scores[0], rel_tol=ROUNDING) for score in found):
        raise UserError(
            f"metric {metric.name} must tell good answers from bad ones, but it gives {scores[0]:.6g} to "
            "answers of which nine in ten are right and to the same answers shuffled; check what it reads: "
            f"{kind_named(kind).outputs_shape} and the targets"
        )
    if abs(again - scores[0]) > UNSTEADY * abs(shuffled - scores[0]):
        raise UserError(
            f"metric {metric.name} must give the same answers the same score, but it gave {scores[0]:.6g} "
            f"and then {again:.6g}; let it draw from a generator that it seeds itself"
        )
    return Asked(scores[0], shuffled, _of_decisions(metric, kind, good, chosen, draw))


def directed(metric: Metric, asked: Asked | None, *, given: bool | None) -> tuple[Metric, str]:
    """The metric with its direction, and a line on it where the user did not say it.

    Args:
        metric: A user's metric.
        asked: What the metric said; None where it could not be asked.
        given: What the user said of `greater_is_better`; None for nothing.

    Raises:
        UserError: The metric likes shuffled answers better than good ones, by what the user said.
    """
    if asked is None or math.isnan(asked.shuffled):
        return replace(metric, greater_is_better=given is not False), ""
    greater = asked.greater_is_better
    scores = f"answers of which nine in ten are right score {asked.good:.4g}, shuffled {asked.shuffled:.4g}"
    if given is not None and given != greater:
        raise UserError(
            f"metric {metric.name} must like good answers better than shuffled ones, but with "
            f"greater_is_better={given} it does not: {scores}; say greater_is_better={greater}"
        )
    made = replace(metric, greater_is_better=greater, of_decisions=metric.of_decisions or asked.of_decisions)
    line = "" if greater or given is not None else f"metric {metric.name}: smaller is better, for {scores}"
    return made, line


def check_defined(metric: Metric, kind: Kind, parts: Mapping[str, Tensor], classes: int | None) -> None:
    """Refuse a metric that has no number on a part that models are scored on, such as an AUC of one class.

    Args:
        metric: The metric of the task.
        kind: The kind of problem.
        parts: The targets (N, ...) of the parts by name.
        classes: The number of classes for multiclass.

    Raises:
        UserError: It raises there, or returns NaN or an infinity for answers that are mostly right.
    """
    for part, targets in parts.items():
        chosen = targets[_rows(targets)]
        answers = _answers(kind, chosen, classes, generator("metric asked", metric.name))
        (score,) = _scored(metric, answers[None], chosen)
        if not math.isfinite(score):
            same = bool((chosen == chosen[:1]).all())
            why = f", for all its targets are {chosen.flatten()[0].item():g}" if same else ""
            raise UserError(
                f"metric {metric.name} must have a number on the {part} part, but there it is {score}{why}; "
                "bring more samples, or another metric"
            )


def _scored(metric: Metric, outputs: Tensor, targets: Tensor) -> list[float]:
    """The scores of members with outputs (M, N, ...), whatever a user's metric does."""
    try:
        found = metric(outputs, targets)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise user_error(
            f"metric {metric.name} must score outputs and targets, but it raised", error
        ) from error
    if not isinstance(found, Tensor) or found.shape != (len(outputs),):
        got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise UserError(
            f"metric {metric.name} must return a score for each of {len(outputs)} members, but returned {got}"
        )
    scores: list[float] = found.tolist()
    return scores


def _rows(targets: Tensor) -> Tensor:
    """The samples (N,) that are asked about: all, or evenly many of each class, the rarest included."""
    if len(targets) <= MOST:
        return torch.arange(len(targets))
    order = targets.argsort(stable=True) if targets.dim() == 1 else torch.arange(len(targets))
    evenly = order[:: math.ceil(len(targets) / MOST)]
    if targets.dim() > 1 or targets.is_floating_point():
        return evenly.sort().values
    ranked = targets[order]
    first = torch.cat([torch.ones(1, dtype=torch.bool), ranked[1:] != ranked[:-1]])
    chosen: Tensor = torch.cat([evenly, order[first]]).unique()
    return chosen


def _answers(kind: Kind, targets: Tensor, classes: int | None, draw: torch.Generator) -> Tensor:
    """Outputs (N, ...) that are right but for a tenth of the samples, whose answers are another's."""
    given = torch.nan_to_num(targets, nan=0.0) if targets.is_floating_point() else targets.clone()
    given = given.clamp(min=0) if kind_named(kind).classified else given
    wrong = torch.randperm(len(targets), generator=draw)[: max(1, int(WRONG * len(targets)))]
    given[wrong] = given[wrong.roll(1)]
    decision = kind_named(kind).decision
    if decision == "argmax":
        made = LOGIT * F.one_hot(given, classes or 2).float()
    elif decision == "cutoff":
        made = LOGIT * (2 * given.float() - 1)
    else:
        small: Tensor = 0.01 * given.std(0) * torch.randn(given.shape, generator=draw)
        return given + small
    noise: Tensor = 0.5 * torch.randn(made.shape, generator=draw)
    return made + noise


def _of_decisions(metric: Metric, kind: Kind, good: Tensor, targets: Tensor, draw: torch.Generator) -> bool:
    """Whether the score stays as it is when outputs are replaced by what is decided from them alone."""
    decision = kind_named(kind).decision
    if decision is None:
        return False
    soft = good + LOGIT * torch.randn(good.shape, generator=draw)
    hard = F.one_hot(soft.argmax(-1), soft.shape[-1]) if decision == "argmax" else 2 * (soft > 0).long() - 1
    try:
        scores = metric(torch.stack([soft, hard.to(soft.dtype)]), targets).tolist()
    except UserError:
        return False
    return bool(scores[0] == scores[1])
