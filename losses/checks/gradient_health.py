"""Whether a loss can be trained with, in numbers, before anything is trained.

A loss is probed at *levels*: batches in which every sample is equally right or wrong. For classification
a level is the logit of the right answer (the others have 0), from 8, confidently right, to -8 and -20,
confident mistakes. For regression it is the size of the error in units of the target's spread. The *pull*
is how fast the loss falls as the level improves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from ..family import UserTerm
from ..kinds import kind_named
from ..spec import LossSpec, terms_of
from ..stacked import StackedLoss
from .probe_batches import TARGET_SCALE, constants

LEVELS = {True: (8.0, 2.0, 0.0, -2.0, -4.0, -8.0, -20.0), False: (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)}
EXTREMES = {True: (100.0, 6e4, -100.0, -6e4), False: (100.0, 6e4)}
MISTAKES = {True: (-8.0, -4.0, -2.0), False: (3.0, 1.0)}  # what a loss has to correct, the worst first
UNDECIDED = {True: 0.0, False: 1.0}
RIGHT = {True: (8.0, 2.0), False: (0.0,)}  # smoothing and penalties may prefer not to be too sure
VANISHED = 1e-9  # of the largest pull
EXPLODED = 1e4  # times the pull on an undecided sample


@dataclass(frozen=True)
class Health:
    """What probing a loss found.

    Args:
        values: The loss by level.
        pulls: The pull by level.
        mistakes: The pull on a confident mistake over that on an undecided sample: about 2 for cross entropy,
            .001 for the mean absolute error.
        largest: The largest pull over that on an undecided sample: about 2 for cross entropy, 1 for the mean
            absolute error.
        problems: What is wrong, a line each.
    """

    values: Mapping[float, float]
    pulls: Mapping[float, float]
    mistakes: float
    largest: float
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@lru_cache(maxsize=1 << 14)
def health(spec: LossSpec) -> Health:
    """The health of one loss; the answer is kept, so asking again costs nothing."""
    return healths([spec])[0]


def healths(specs: Sequence[LossSpec]) -> list[Health]:
    """The health of many losses of one kind, probed together on a long tail of class counts."""
    if not specs:
        return []
    kind = kind_named(specs[0].kind)
    classified, unit = kind.classified, 1.0 if kind.counted else TARGET_SCALE
    levels = LEVELS[classified] + EXTREMES[classified]
    batches = [kind.at_level(unit * level) for level in levels]
    outputs, targets = (torch.stack(values) for values in zip(*batches, strict=True))
    each = [spec for _ in levels for spec in specs]  # level by level, for those of one level share its batch
    many = outputs.repeat_interleave(len(specs), 0).requires_grad_()
    known = [constants(kind.name)] * len(levels)
    losses = StackedLoss(kind.name, each, torch.float32, known).each(many, targets)
    (gradient,) = torch.autograd.grad(losses.sum(), many)
    values, slopes = (
        losses.detach().view(len(levels), -1).T,
        gradient.view(len(levels), -1, *outputs.shape[1:]).transpose(0, 1),
    )
    toward_mistakes = (-1 if classified else 1) * kind.at_level(1.0)[0]
    pulls = (slopes * toward_mistakes).flatten(2)
    return [
        _judged(classified, levels, values[i].tolist(), pulls[i].sum(1).tolist(), per_batch=_per_batch(spec))
        for i, spec in enumerate(specs)
    ]


def _per_batch(spec: LossSpec) -> bool:
    """Whether the loss looks at a batch as a whole; a user's mean over samples does not."""
    terms = terms_of(spec.parameters)
    return all(term.level == "batch" and not isinstance(term.function, UserTerm) for term in terms)


def _judged(
    classified: bool,  # noqa: FBT001
    levels: Sequence[float],
    values: Sequence[float],
    pulls: Sequence[float],
    *,
    per_batch: bool,
) -> Health:
    value, pull = (dict(zip(levels, found, strict=True)) for found in (values, pulls))
    undecided, worst = pull[UNDECIDED[classified]], MISTAKES[classified][0]
    top = max(abs(pull[level]) for level in LEVELS[classified])
    ratio = abs(undecided) or float("nan")
    problems = tuple(diagnosed(value, pull, classified=classified, per_batch=per_batch).values())
    return Health(value, pull, pull[worst] / ratio, top / ratio, problems)


def diagnosed(
    value: Mapping[float, float], pull: Mapping[float, float], *, classified: bool, per_batch: bool
) -> dict[str, str]:
    """What is wrong with a loss that was probed at all levels, a line for each problem by its name.

    Args:
        value: The loss by level: at least those of `LEVELS`.
        pull: The pull by level, for the same levels.
        classified: Whether a level is a logit rather than the size of an error.
        per_batch: Whether the loss looks at a batch as a whole, so that one of mistakes alone may be flat.
    """
    undecided, worst = pull[UNDECIDED[classified]], MISTAKES[classified][0]
    usual = {level: pull[level] for level in LEVELS[classified]}
    top = max(map(abs, usual.values()))
    broken = [
        level for level in value if not (abs(value[level]) < float("inf") and abs(pull[level]) < float("inf"))
    ]
    if broken:
        return {"not finite": f"value or gradient is not finite at {_where(classified)} {broken[0]:g}"}
    problems = {}
    right, wrong = min(value[level] for level in RIGHT[classified]), value[worst]
    if not (right < wrong and right <= min(value[level] for level in LEVELS[classified][2:])):
        problems["not minimised"] = (
            f"the right answer does not minimise it: {right:.3g} when right, {wrong:.3g} when wrong"
        )
    backward = [level for level in MISTAKES[classified] if pull[level] < -1e-6 * top]
    if backward:
        problems["backward"] = (
            f"it pushes mistakes further: the pull at {_where(classified)} {backward[0]:g} "
            f"is {pull[backward[0]]:.3g}"
        )
    probe = UNDECIDED[classified] if per_batch else worst
    if not problems and abs(pull[probe]) <= VANISHED * top:
        what = "an undecided batch" if per_batch else "confident mistakes"
        problems["vanishes"] = f"the gradient vanishes on {what}: {pull[probe]:.3g}, the largest is {top:.3g}"
    if top > EXPLODED * abs(undecided):
        problems["explodes"] = (
            f"the gradient explodes: {top:.3g} at most, {undecided:.3g} on an undecided sample"
        )
    return problems


def _where(classified: bool) -> str:  # noqa: FBT001
    return "a logit of the right answer of" if classified else "an error of"
