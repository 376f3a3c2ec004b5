"""Whether a loss takes what a model puts out, in the order and form in which it is handed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from ...kinds import Kind, kind_named
from .audited import Audited, Call
from .classes import sides
from .standards import parallel_to

NOT_A_NUMBER = "it is not finite on a batch of outputs"


def _adapted(kind: Kind) -> Mapping[str, Callable[[Call], Call]]:
    """What a loss may take instead, and the loss that is then one of `(outputs, targets)`."""
    found = kind_named(kind)
    swapped: dict[str, Callable[[Call], Call]] = {
        "arguments swapped": lambda call: lambda o, t: call(t, o),
    }
    if found.target == "number":
        return swapped

    def log_probabilities(outputs: Tensor) -> Tensor:
        return outputs.log_softmax(-1) if found.target == "class" else F.logsigmoid(outputs)

    return {
        "expects log-probabilities": lambda call: lambda o, t: call(log_probabilities(o), t),
        "expects probabilities": lambda call: lambda o, t: call(found.probabilities(o), t),
        **swapped,
        **(
            {}
            if found.target == "class"
            else {"targets of -1 and 1": lambda call: lambda o, t: call(o, 2 * t - 1)}
        ),
    }


def convention(subject: Audited, failed: str = "") -> tuple[str, str] | None:
    """What a loss takes instead of logits and targets, where that explains what is wrong with it.

    Args:
        subject: The loss.
        failed: What it raised on a batch; empty where it runs.
    """
    wrong = failed or _wrong(subject)
    if not wrong or (not failed and parallel_to(subject)):
        return None
    ways = _adapted(subject.kind)
    tried = {name: replace(subject, call=way(subject.call)) for name, way in ways.items()}
    running = {name: one for name, one in tried.items() if _runs(one)}
    # One of the usual losses is the surer explanation than one that is merely right.
    exact = [name for name, one in running.items() if parallel_to(one)]
    needs = {"expects probabilities": NOT_A_NUMBER, "expects log-probabilities": "without end"}
    sound = [
        name for name, one in running.items() if (failed or needs.get(name, "") in wrong) and not _wrong(one)
    ]
    for name in (*exact, *sound):
        return name, f"{wrong}; with {_WITH[name]} it is minimised by the right answer"
    return None


_WITH = {
    "expects log-probabilities": "the logarithms of probabilities",
    "expects probabilities": "probabilities",
    "arguments swapped": "(targets, outputs)",
    "targets of -1 and 1": "targets of -1 and 1",
}


def on_log_scale(subject: Audited) -> Audited | None:
    """A loss of a regression whose outputs stand for logarithms, as one of the outputs; None for others."""
    if subject.kind != "regression" or not _beside(subject):
        return None
    call = subject.call
    found = replace(subject, call=lambda o, t: call(o, t.exp()), wide=False)
    return found if _runs(found) and not _beside(found) else None


def _beside(subject: Audited) -> bool:
    """Whether something beside the truth minimises a loss of a regression."""
    return any(name == "not minimised by the truth" for name, _ in sides(subject))


def _wrong(subject: Audited) -> str:
    """What is wrong with a loss where it is tried, in a few words."""
    value = subject.value(*subject.batch())
    if not value.isfinite():
        return NOT_A_NUMBER
    # Overflow far away is a matter of how it is computed, not of what it takes.
    near = replace(subject, wide=False) if "not finite" in subject.problems else subject
    if not any(near.probed[1].values()):  # it has no gradient, which is said where gradients are looked at
        return ""
    if near.problems:
        return next(iter(near.problems.values()))
    for one, pull in near.without_pull.items():
        return f"it pulls {pull:.3g} on samples of {one} that are wrong"
    return ""


def _runs(subject: Audited) -> bool:
    return failure(subject) is None


def failure(subject: Audited) -> Exception | None:
    """What a loss raises on a batch, or for what it returns; None where it runs."""
    try:
        found: Any = subject.call(*subject.batch())
        if not isinstance(found, Tensor):
            return (
                None if isinstance(found, int | float) else TypeError(f"it returned {type(found).__name__}")
            )
        subject.value_and_gradient(*subject.batch())
        with torch.no_grad():
            subject.call(*subject.at_level(1.0))
    except Exception as error:  # noqa: BLE001  (whatever a user's code raises)
        return error
    return None
