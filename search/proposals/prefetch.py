"""Who comes next: candidates for cohort after cohort, asked for while another is trained where that pays."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from ..records import Candidate, Explored, Plan, Unit
from ..records.typed_json import read
from .proposer import Proposer

COHORTS_AHEAD = 16  # from so many cohorts on, to know one less costs a sampler little
REFILLED = 4  # cohorts trained as one, at most: after two rungs, what is left of four is one


def cohort_size(plan: Plan) -> int:
    """How many candidates are trained at a time: `width`, or up to four times that in a long search.

    Rungs leave a half and then a quarter of a cohort, and a step costs nearly the same however few are left.
    So where so many cohorts will come that asking for more at a time costs a sampler little, several are
    trained as one: the places of those that are dropped are taken by survivors from the others.
    """
    if plan.trials is None:
        return plan.width
    return plan.width * min(REFILLED, max(1, plan.trials // (COHORTS_AHEAD * plan.width)))


class ProposalPrefetcher:
    """Asks a proposer for cohorts and tells it what came of them; use it as a context.

    In a long search a cohort is asked for while the one before it is trained, and so without knowing its
    results: asking then takes no time from training, and the sampler sees one cohort less. That is decided by
    the plan and never by how long anything takes, so that a resumed search asks for the same.

    Args:
        search: Proposes the candidates.
        plan: The budget, of which the trials and the width are read.
    """

    def __init__(self, search: Proposer, plan: Plan) -> None:
        self._search = search
        self._ahead = plan.trials is None or plan.trials >= COHORTS_AHEAD * plan.width
        self._untold: Unit | None = None
        self._next: Future[list[Candidate]] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lossmith-ask")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def take(self, count: int, following: int) -> tuple[list[Candidate], int]:
        """Return candidates and the number of points asked for until then; begin to ask for the next ones.

        Args:
            count: How many candidates to return, at most.
            following: How many the next cohort will have; 0 where there is none.
        """
        found = self._search.ask(count) if self._next is None else self._next.result()
        asked = self._search.asked
        self._tell()
        self._next = self._pool.submit(self._search.ask, following) if self._ahead and following > 0 else None
        return found, asked

    def finished(self, unit: Unit) -> None:
        """Take in a cohort that was trained, here or before this search was resumed."""
        self._tell()
        self._untold = unit
        if self._next is None:
            self._search.asked = read(Explored, unit.payload or {}).asked or self._search.asked
            self._search.know(unit.trials)
        if not self._ahead:
            self._tell()

    def _tell(self) -> None:
        if self._untold is not None:
            self._search.tell(self._untold.trials)
            self._untold = None
