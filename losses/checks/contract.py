"""What every loss promises: a check each, in the order in which they are best looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .device import stays_on_device
from .frozen import changes_nothing, compiles, exports, frozen_is_the_family, source_is_the_family
from .identities import masked_is_dropped, neutral, order_of_samples, same_as_declared, vmappable
from .members import beside_others
from .numbers import differentiable, finite, half_precision, runs
from .subject import Subject
from .weights import weighs_samples


@dataclass(frozen=True)
class Promise:
    """One thing that every loss promises, and every shipped part and standard loss keeps.

    Args:
        check: raises `Broken`, an AssertionError, with one line that says what does not hold and by how much.
        without: what a loss that does not keep it can still not be used for; empty where it cannot be
            searched at all.
    """

    check: Callable[[Subject], None]
    without: str = ""

    @property
    def name(self) -> str:
        """The promise in a word or two: "changes nothing"."""
        return self.check.__name__.replace("_", " ")

    @property
    def about(self) -> str:
        """The promise in a sentence, without its full stop."""
        return " ".join((self.check.__doc__ or "").split()).rstrip(".")


PROMISES = (
    Promise(runs),
    Promise(differentiable),
    Promise(finite),
    Promise(vmappable),
    Promise(beside_others),
    Promise(changes_nothing),
    Promise(neutral),
    Promise(same_as_declared),
    Promise(frozen_is_the_family),
    Promise(order_of_samples, "batches whose order is random"),
    Promise(masked_is_dropped, "a task with ignored targets"),
    Promise(weighs_samples, "a task with sample weights"),
    Promise(half_precision, "outputs of half precision"),
    Promise(source_is_the_family, "an export as loss.py"),
    Promise(compiles, "torch.compile"),
    Promise(exports, "an export as loss.pt2"),
    Promise(stays_on_device, "a CUDA graph"),
)


def check(subject: Subject) -> None:
    """Run every check; the first promise that is not kept raises `Broken`."""
    for promise in PROMISES:
        promise.check(subject)
