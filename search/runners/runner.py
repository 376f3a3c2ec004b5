"""The seam between a search and where its cohorts are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from ..cohort import Rungs, Watch
from ..trial import Candidate, Outcome, Repeat


class Runner(Protocol):
    """Trains cohorts. Who proposes them and where results are kept is not its business."""

    def train(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], rungs: Rungs | None, watch: Watch
    ) -> list[Outcome]:
        """Train every candidate on every repeat; outcomes in the order of the candidates.

        `watch` is told the share of the work that is done, as often as that is known.
        """

    def predict(self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch) -> Tensor:
        """Refit on the whole training part; outputs on the test part, (candidates, repeats, N, ...)."""
