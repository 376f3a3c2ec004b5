"""How a loss treats classes, answers and errors of either sign."""

from __future__ import annotations

import math

import torch

from ...kinds import kind_named
from .audited import Audited, Evidence


def treated(subject: Audited) -> Evidence:
    """Weights by prediction, focal losses that take the wrong answer, minima beside the truth."""
    if not subject.classified:
        yield from sides(subject)
    elif kind_named(subject.kind).target == "class":
        yield from _by_prediction(subject)
        yield from _unequal(subject)
    else:
        yield from _focal(subject)
        yield from _unequal(subject)


def sides(subject: Audited) -> Evidence:
    """Say where a regression's loss of one constant target is least, and whether both sides cost alike."""
    errors = (-1.0, -0.3, -0.1, 0.0, 0.1, 0.3, 1.0)
    ratios = set()
    for target in (-1.0, 0.5, 2.0):
        targets = torch.full((4,), target)
        values = [float(subject.value(targets + error, targets)) for error in errors]
        best = min(range(len(errors)), key=values.__getitem__)
        if values[3] > values[best] + 1e-4 * max(map(abs, values)) + 1e-7:
            yield (
                "not minimised by the truth",
                (
                    f"for a target of {target:g} the loss is {values[best]:.4g} at {target + errors[best]:g} "
                    f"and {values[3]:.4g} at the target itself"
                ),
            )
            return
        if values[0] > 0:
            ratios.add(round(values[-1] / values[0], 3))
    if ratios and subject.wide and not subject.family and max(abs(side - 1) for side in ratios) > 0.02:
        shown = ", ".join(f"{side:g}" for side in sorted(ratios))
        yield "unequal sides", f"an error of +1 costs {shown} times one of -1"


def _by_prediction(subject: Audited) -> Evidence:
    """A loss over cross entropy that depends on the predicted class for one target jumps as it changes."""
    classes, true = subject.columns[0], 0
    targets = torch.full((4,), true)
    ratios = {}
    for predicted in range(1, classes):
        sides = []
        for step in (-1e-3, 1e-3):
            outputs = torch.zeros(4, classes)
            # The predicted class and the next one tie but for a step; the true class is far behind.
            outputs[:, true], outputs[:, predicted] = -2.0, 2.0
            other = predicted % (classes - 1) + 1
            outputs[:, other] = 2.0 + step if other != predicted else 2.0
            sides.append(float(subject.value(outputs, targets)))
        if sides[0] and abs(sides[1] / sides[0] - 1) > 0.02:
            ratios[predicted] = sides[1] / sides[0]
    if ratios:
        predicted, ratio = max(ratios.items(), key=lambda pair: abs(math.log(abs(pair[1]) or 1e-9)))
        yield (
            "weight by prediction",
            (
                f"with one target the loss jumps to {ratio:.3g} times its value where class "
                f"{predicted % (classes - 1) + 1} instead of {predicted} becomes the largest"
            ),
        )


def _focal(subject: Audited) -> Evidence:
    """The factor of a focal loss: of p in place of p_t, or with alpha on the negatives."""
    costs = {}
    for answer in (0.0, 1.0):
        for level in (-3.0, -1.0, 0.0, 1.0, 3.0):
            outputs, targets = subject.at_level(1.0)
            targets = torch.full_like(targets, answer)
            outputs = torch.full_like(outputs, level if answer else -level)
            costs[answer, level] = float(subject.value(outputs, targets)) / math.log1p(math.exp(-level))
    positive, negative = (
        [costs[answer, level] for level in (-3.0, -1.0, 0.0, 1.0, 3.0)] for answer in (1.0, 0.0)
    )
    if not all(cost > 0 for cost in (*positive, *negative)):
        return

    def constant(ratios: list[float]) -> bool:
        return max(ratios) - min(ratios) < 1e-2 * max(ratios)

    same = [one / two for one, two in zip(positive, negative, strict=True)]
    mirrored = [one / two for one, two in zip(positive, reversed(negative), strict=True)]
    if not constant(same) and constant(mirrored):
        falls, at_loss = (2, negative) if positive[0] > positive[-1] else (1, positive)
        yield (
            "focal factor of the wrong probability",
            (
                f"the factor of a confident mistake on a {'positive' if falls == 1 else 'negative'} is "
                f"{at_loss[0] / at_loss[2]:.2g} times that of an undecided sample, on the other answer "
                f"{(positive if at_loss is negative else negative)[0] / at_loss[2]:.2g}"
            ),
        )
        return
    alpha = subject.numbers.get("alpha")
    if alpha is None or not 0 < alpha < 1 or abs(alpha - 0.5) < 0.02 or not constant(same):
        return
    if abs(same[0] * alpha / (1 - alpha) - 1) < 0.02:
        yield (
            "alpha on the wrong class",
            f"alpha is {alpha:g}, but a positive costs {same[0]:.3g} times a negative: (1 - alpha) / alpha",
        )


def _unequal(subject: Audited) -> Evidence:
    """Classes or answers that are pulled unequally."""
    if subject.family:
        return
    _, targets = subject.at_level(1.0)
    each = subject.probed[2][0.0]
    pulls = {
        one: float(each[targets == one].mean()) for one in set(targets.unique().tolist()) - {subject.ignored}
    }
    most, least = max(pulls, key=pulls.__getitem__), min(pulls, key=pulls.__getitem__)
    if pulls[least] > 0 and pulls[most] > 1.02 * pulls[least]:
        yield (
            "unequal classes",
            (
                f"an undecided sample of {most:g} is pulled {pulls[most] / pulls[least]:.3g} times as much "
                f"as one of {least:g}"
            ),
        )
