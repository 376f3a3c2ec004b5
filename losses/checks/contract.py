"""What every loss promises, as checks that a user's own part can be put through too.

Each check takes a `Subject` and raises `Broken`, an AssertionError, with one line that says what does not
hold and by how much. `check` runs all of them; the project's own tests do so for every part and standard
loss there is:

    from lossmith.losses import contract, register
    register(MY_PART)
    for kind in MY_PART.kinds:
        contract.check(contract.of_part(MY_PART, kind))
"""

from __future__ import annotations

from collections.abc import Callable

from .device import stays_on_device
from .frozen import changes_nothing, compiles, exports, frozen_is_the_family
from .identities import masked_is_dropped, neutral, order_of_samples, same_as_declared, vectorised
from .members import beside_others
from .numbers import differentiable, finite, half_precision
from .subject import Broken, Subject, of_part, value_and_gradient

CHECKS: tuple[Callable[[Subject], None], ...] = (
    differentiable,
    finite,
    half_precision,
    neutral,
    same_as_declared,
    order_of_samples,
    masked_is_dropped,
    vectorised,
    beside_others,
    changes_nothing,
    frozen_is_the_family,
    compiles,
    exports,
    stays_on_device,
)
SPARED = (compiles, exports, stays_on_device)  # a search on a CPU does without


def check(subject: Subject) -> None:
    """Run every check; the first promise that is not kept raises `Broken`."""
    for promise in CHECKS:
        promise(subject)


__all__ = [
    "CHECKS",
    "SPARED",
    "Broken",
    "Subject",
    "beside_others",
    "changes_nothing",
    "check",
    "compiles",
    "differentiable",
    "exports",
    "finite",
    "frozen_is_the_family",
    "half_precision",
    "masked_is_dropped",
    "neutral",
    "of_part",
    "order_of_samples",
    "same_as_declared",
    "stays_on_device",
    "value_and_gradient",
    "vectorised",
]
