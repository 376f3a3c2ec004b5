"""The seam between a search and where its cohorts are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..records import Candidate, Measurement, Repeat, RungSchedule, Tested, Watch


class Runner(Protocol):
    """Trains cohorts. Who proposes the candidates and where results are kept is not its business."""

    def train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: RungSchedule | None,
        watch: Watch,
        n_resamples: int = 0,
    ) -> list[Measurement]:
        """Train every candidate on every repeat; outcomes in the order of the candidates.

        Args:
            candidates: The cohort.
            repeats: What each candidate is trained on.
            rungs: Where the cohort is thinned; None for nowhere.
            watch: Called with the share of the work that is done, as often as that is known.
            n_resamples: Complete outcomes carry their mean score under so many resamplings of the held-out
                samples, the same ones for every candidate; a runner that only knows scores leaves them out.
        """

    def test(self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch) -> Tested:
        """Refit on the whole training part and measure on the test part, which nothing else may read.

        Args:
            candidates: The losses with their recipes.
            repeats: The seeds of the refits.
            watch: Called with the share of the work that is done.
        """
