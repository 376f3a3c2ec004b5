"""What every engine promises."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from ..records import Candidate, Repeat
from ..tasks.splits import split_for
from ..training.engines.engine import Engine
from ..training.program import Job, Program
from .problems import EPOCHS, small_candidates, small_task

RELATIVE, ABSOLUTE = 1e-9, 1e-11  # float64: sums in another order, over a few dozen steps


class EngineSuite(ABC):
    """The promises of an engine, as tests to inherit.

    >>> from lossmith.search.training.engines.registry import engine_named
    >>> class TestLoop(EngineSuite):
    ...     def make(self):
    ...         return engine_named("loop")
    """

    @abstractmethod
    def make(self) -> Engine:
        """Return the engine."""

    def test_a_member_ends_where_it_ends_alone(self) -> None:
        """Its parameters are those of training alone, which may be cut in pieces."""
        together = self._program()
        together.train(EPOCHS)
        for member in range(len(self._candidates())):
            alone = self._program([member])
            alone.train(1)
            alone.train(EPOCHS - 1)
            _assert_same(together, member, alone, 0)

    def test_members_that_are_dropped_leave_the_others_as_they_were(self) -> None:
        """Those that are kept go on in the order in which they are named, to where they would have come."""
        whole, thinned = self._program(), self._program()
        whole.train(EPOCHS)
        thinned.train(1)
        thinned.keep([0, 3, 5])
        thinned.train(EPOCHS - 1)
        assert len(thinned.outputs()) == 3
        for place, member in enumerate((0, 3, 5)):
            _assert_same(thinned, place, whole, member)

    def test_a_member_that_diverges_is_named_and_hurts_nobody(self) -> None:
        """A learning rate beyond all bounds has a fault; its neighbours end where they would have."""
        task = small_task()
        sick, healthy = self._candidates(), self._program()
        sick[1] = type(sick[1])(sick[1].spec, sick[1].recipe.with_rate(1e30))
        program = self.make().program(Job(task, split_for(task, Repeat(0), 1, 0), sick, Repeat(0), 0))
        program.train(EPOCHS)
        healthy.train(EPOCHS)
        assert list(program.faults()) == [1]
        for member in (0, 2, len(sick) - 1):
            _assert_same(program, member, healthy, member)

    def test_outputs_are_asked_for_anywhere(self) -> None:
        """On the held-out part by default, on other inputs where they are given; asking changes nothing."""
        task, program, other = small_task(), self._program(), self._program()
        assert task.validation is not None
        for one in (program, other):
            one.train(1)
        inputs = task.validation[0]
        torch.testing.assert_close(program.outputs(), program.outputs(inputs), rtol=RELATIVE, atol=ABSOLUTE)
        assert program.outputs(task.test[0]).shape[:2] == (len(self._candidates()), len(task.test[1]))
        _assert_same(program, 0, other, 0)

    def _candidates(self) -> list[Candidate]:
        return small_candidates(small_task().settings)

    def _program(self, members: list[int] | None = None) -> Program:
        task, candidates = small_task(), self._candidates()
        chosen = candidates if members is None else [candidates[member] for member in members]
        return self.make().program(Job(task, split_for(task, Repeat(0), 1, 0), chosen, Repeat(0), 0))


def _assert_same(one: Program, member: int, other: Program, place: int) -> None:
    wanted = other.parameters(place)
    for name, value in one.parameters(member).items():
        torch.testing.assert_close(value, wanted[name], rtol=RELATIVE, atol=ABSOLUTE)
