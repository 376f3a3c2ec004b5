"""The steps of a loss with what stands in for plain formulas where speed counts.

`Fast` of a part or a quantity names what stands in for its own formula; the functions below make one step of
several that follow one another. The contract compares every frozen loss with the plain formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ..kernels import (
    PLAIN,
    Fast,
    adjusted_gap_and_lag,
    focal_cross_entropy,
    gap_and_lag,
    smoothed_focal_cross_entropy,
    smoothed_log_p,
)
from ..kinds import Kind, log_likelihood
from ..terms.adjust.logit_adjustment import logit_adjustment
from ..terms.modulate.focal import focal
from .planning import GIVEN
from .registry import formulas
from .steps import Step, added, inputs_of, mean, mean_over_labels, mixed, same, times


def _fast_forms(kind: Kind) -> dict[Callable[..., Any], Fast]:
    """What stands in for each formula of a kind."""
    return {found.function: found.fast for found in formulas(kind)}


def fused(kind: Kind, steps: Iterable[Step]) -> tuple[Step, ...]:
    """The same loss in fewer steps, for one that is evaluated alone; what nothing reads is gone.

    Args:
        kind: The kind of problem.
        steps: What `plan` returns, or what is left of it.
    """
    forms = _fast_forms(kind)
    known = {*GIVEN, "logits"}
    faster = []
    for step in steps:
        fast = forms.get(step.function, PLAIN)
        if fast.alone is not None and known.issuperset(inputs_of(fast.alone)):
            outputs = fast.outputs or step.outputs
            faster.append(Step(outputs, fast.alone, inputs_of(fast.alone), step.parameters))
        else:
            faster.append(step)
        known |= {*faster[-1].outputs}
    return _adjusted_at_once(_read(_focal_at_once(_mean_at_once(_single_term(faster)))))


def _single_term(steps: list[Step]) -> list[Step]:
    """Without the weight of a loss's only term, which is 1: see `canonical`."""
    alone = not any(step.function is added for step in steps)
    return [
        Step(("loss",), same, step.inputs)
        if alone and step.function is mixed and len(step.inputs) == 1
        else step
        for step in steps
    ]


def _mean_at_once(steps: list[Step]) -> list[Step]:
    """Without a mean of every sample's labels that another mean follows: the mean of all is the same."""
    return [
        step
        for i, step in enumerate(steps)
        if step.function is not mean_over_labels or steps[i + 1].function is not mean
    ]


def _focal_at_once(steps: list[Step]) -> list[Step]:
    """With cross entropy and focal modulation as one step, where nothing comes between them."""
    found = list(steps)
    made = {name: step for step in found for name in step.outputs}
    for i, step in enumerate(found):
        if step.function is not times or made[step.inputs[1]].function is not focal:
            continue
        before = next(other for other in reversed(found[:i]) if other.outputs == ("loss",))
        if before.function is not same or before.inputs != ("cross_entropy_loss",):
            continue
        likelihood, modulation = made["log_likelihood"], made[step.inputs[1]].parameters
        if likelihood.function is log_likelihood:
            found[i] = Step(("loss",), focal_cross_entropy, ("gap",), modulation)
        elif likelihood.function is smoothed_log_p:
            parameters = modulation + likelihood.parameters
            found[i] = Step(("loss",), smoothed_focal_cross_entropy, ("gap", "lag"), parameters)
    return found


def _read(steps: list[Step]) -> list[Step]:
    """Those whose output is read."""
    kept: list[Step] = []
    wanted = {"loss"}
    for step in reversed(steps):
        if wanted & set(step.outputs):
            kept.append(step)
            # A step that replaces what it reads ("logits" from "logits") leaves it needed.
            wanted = (wanted - set(step.outputs)) | set(step.inputs)
    return kept[::-1]


def _adjusted_at_once(steps: list[Step]) -> tuple[Step, ...]:
    """With logit adjustment done on the way, where nothing but the gap reads the adjusted logits."""
    readers = [step for step in steps if "logits" in step.inputs]
    match readers[-2:]:
        case [Step(function=f) as adjustment, Step(function=g) as gap] if (
            f is logit_adjustment and g is gap_and_lag
        ):
            at_once = replace(
                gap,
                function=adjusted_gap_and_lag,
                inputs=inputs_of(adjusted_gap_and_lag),
                parameters=adjustment.parameters,
            )
            return tuple(at_once if step is gap else step for step in steps if step is not adjustment)
    return tuple(steps)
