"""The seam between a search and where its cohorts are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from ..cohort import Rungs
from ..trial import Candidate, Outcome, Repeat


class Runner(Protocol):
    """Trains cohorts. Who proposes them and where results are kept is not its business."""

    def train(self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], rungs: Rungs | None) -> list[Outcome]:
        """Train every candidate on every repeat; outcomes in the order of the candidates."""

    def predict(self, candidates: Sequence[Candidate], repeats: Sequence[Repeat]) -> Tensor:
        """Refit on the whole training part; outputs on the test part, (candidates, repeats, N, ...)."""
