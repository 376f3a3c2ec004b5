"""The contract as tests to inherit, for a package that brings parts of its own."""

from __future__ import annotations

from collections.abc import Callable

from ..declarations import Part
from ..family import registered
from .contract import PROMISES, Promise
from .subject import of_part


class LossContract:
    """A test for each promise of a loss; a subclass names the part, and pytest finds the rest.

    In a file of tests, where `my_package.my_part` defines `PART`:

        from lossmith.losses.checks import LossContract
        from my_package.my_part import PART

        class TestMyPart(LossContract):
            part = PART

    Each test looks at every kind of problem that the part serves.
    """

    part: Part


def _test(promise: Promise) -> Callable[[LossContract], None]:
    def test(self: LossContract) -> None:
        with registered(self.part) as own:
            for kind in own.kinds:
                promise.check(of_part(own, kind))

    test.__doc__ = promise.check.__doc__
    return test


for _promise in PROMISES:
    setattr(LossContract, f"test_{_promise.check.__name__}", _test(_promise))
