"""How a loss pulls, from confidently right to confidently wrong, and in half precision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch

from ...kinds import kind_named
from .audited import DEEPER, Audited, Evidence

NAMES = {
    "not finite": "not finite when saturated",
    "not minimised": "not minimised by the truth",
    "vanishes": "gradient vanishes",
    "explodes": "gradient explodes",
    "unbounded": "no lower bound",
}


def pulls(subject: Audited) -> Evidence:
    """The sign, vanishing and exploding gradients, clamps, margins, a class or answer without effect."""
    value, pull, _ = subject.probed
    problems = subject.problems
    mistakes = (-8.0, -4.0, -2.0, 0.0) if subject.classified else (3.0, 1.0)
    if problems and all(pull[level] < 0 for level in mistakes) and _right_when_negated(subject):
        level = mistakes[0]
        yield (
            "wrong sign",
            (
                f"the loss of mistakes is {value[level]:.3g} at {level:g}, and its gradient makes them "
                f"larger: the pull is {pull[level]:.3g}"
            ),
        )
        return
    if "backward" in problems and "not minimised" not in problems:
        yield "pushes mistakes further", problems["backward"]
    for name, said in problems.items():
        if name in NAMES:
            yield NAMES[name], said
    if not problems.keys() <= {"explodes"}:
        return
    for one, found in subject.without_pull.items():
        yield "a class without effect", f"mistakes on samples of {one} are pulled by {found:.3g} at most"
    if subject.classified:
        yield from _clamped(pull)
        yield from _margin(subject, pull)


def _right_when_negated(subject: Audited) -> bool:
    call = subject.call
    negated = replace(subject, call=lambda o, t: -call(o, t))
    return negated.problems.keys() <= {"not finite"}


def _clamped(pull: Mapping[float, float]) -> Evidence:
    """A pull that is whole at -8 and dead at -40 is a clamp, or an epsilon, in a logarithm."""
    steep = pull[-8.0] >= 0.5 * max(map(abs, pull.values()))
    if steep and pull[DEEPER] < 0.05 * pull[-8.0]:
        at = -20 if pull[-20.0] < 0.05 * pull[-8.0] else DEEPER
        yield (
            "log of a clamped probability",
            f"the pull is {pull[-8.0]:.3g} at a logit of -8 and {pull[at]:.3g} at {at:g}",
        )


def _margin(subject: Audited, pull: Mapping[float, float]) -> Evidence:
    """A margin that is given to the right answer rather than asked of it."""
    top = pull[-20.0]
    if pull[-8.0] > 0.5 * top > 0 and abs(pull[0.0]) <= 1e-6 * top:
        yield "margin on the wrong side", f"the pull is {pull[-8.0]:.3g} at a logit of -8 and 0 at one of 0"
        return
    classes = subject.columns[0] if kind_named(subject.kind).target == "class" else 2
    shares = [pull[level] / top if top else 0.0 for level in (-2.0, 0.0, 2.0)]
    if not all(1e-6 < share < 1 - 1e-6 for share in shares):
        return
    # The gap to all others is their number, in logarithms, below the logit.
    shifts = [
        math.log(1 / share - 1) - level + math.log(classes - 1)
        for share, level in zip(shares, (-2.0, 0.0, 2.0), strict=True)
    ]
    if max(shifts) - min(shifts) < 1e-2 and min(shifts) > 0.02:
        yield (
            "margin on the wrong side",
            f"the loss is a cross entropy whose right logit is {sum(shifts) / 3:.3g} higher than the model's",
        )


def halves(subject: Audited) -> Evidence:
    """Values or gradients that are not finite in half precision where they are in float32."""
    if subject.family:  # whose contract has a promise of it
        return
    levels = (8.0, -8.0, -20.0) if subject.classified else (1.0, 10.0)
    batches = [subject.batch(), *(subject.at_level(level) for level in levels)]
    if not subject.wide:
        batches = batches[:1]
    for dtype in (torch.float16, torch.bfloat16):
        for which, (outputs, targets) in enumerate(batches):
            low = targets.to(dtype) if targets.is_floating_point() else targets
            try:
                single, half = (
                    subject.value_and_gradient(o, t)
                    for o, t in ((outputs, targets), (outputs.to(dtype), low))
                )
            except Exception:  # noqa: BLE001  (an operation that this machine has in float32 alone)
                break
            if _all_finite(single) and not _all_finite(half):
                what = "value" if not half[0].isfinite() else "gradient"
                where = f"outputs of {levels[which - 1]:g}" if which else "a random batch"
                yield (
                    "not finite in half precision",
                    (
                        f"the {what} is not finite in {str(dtype).removeprefix('torch.')} on {where}, and "
                        f"{float(single[0]):.3g} in float32"
                    ),
                )
                return


def _all_finite(found: tuple[torch.Tensor, torch.Tensor]) -> bool:
    return bool(found[0].isfinite()) and bool(found[1].isfinite().all())
