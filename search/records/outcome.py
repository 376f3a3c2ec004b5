"""What came of training a candidate: what is kept of it, and what is only looked at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

State = Literal["complete", "pruned", "diverged", "rejected"]


@dataclass(frozen=True)
class Outcome:
    """What came of training a candidate, as it is kept with a trial.

    Attributes:
        state: "complete", "pruned" at a rung, "diverged", or "rejected" before it was trained.
        scores: The metric on each repeat, in the order of the repeats, at the last epoch reached; NaN for a
            repeat that diverged.
        epochs: The last epoch reached; 0 for a rejected candidate.
        rungs: (epoch, mean score over the repeats) of every rung passed, or of every report of a training
            function.
        reason: Why the candidate diverged ("nan", "explode" or "collapse", with epoch and seed) or was
            rejected; None for the other states.
        offsets: What is added to each column of the outputs before a decision, the mean of what was best on
            the held-out samples of each repeat; empty for a candidate whose cut-off is not tuned.
    """

    state: State
    scores: tuple[float, ...]
    epochs: int
    rungs: tuple[tuple[int, float], ...] = ()
    reason: str | None = None
    offsets: tuple[float, ...] = ()

    @property
    def score(self) -> float:
        """The mean of `scores`; NaN when a repeat diverged."""
        return math.fsum(self.scores) / len(self.scores)


@dataclass(frozen=True)
class Measurement:
    """An outcome as a runner hands it over, with what no trial keeps.

    Attributes:
        outcome: What is kept.
        resampled: The mean score under each resampling of the held-out samples that was asked for; empty
            where none was, or where the candidate did not complete.
        at_rungs: The score of each repeat at each rung of `outcome.rungs`.
    """

    outcome: Outcome
    resampled: tuple[float, ...] = ()
    at_rungs: tuple[tuple[float, ...], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the candidate was trained to the end."""
        return self.outcome.state == "complete"

    def diverged(self, reason: str) -> Measurement:
        """Return the measurement of a candidate that trained to the end and cannot be used, for `reason`."""
        outcome = replace(self.outcome, state="diverged", reason=reason)
        return replace(self, outcome=outcome, resampled=())


@dataclass(frozen=True, eq=False)
class Tested:
    """Refits on the whole training part, measured on the test part.

    Attributes:
        scores: (candidates, repeats), the task's metric of each refit.
        outputs: (candidates, repeats, N, ...), what each refit's model says of the N test samples; None for
            training functions, which give scores alone.
        targets: (N, ...), what is true of the test samples; None where `outputs` is.
        scored_on: "validation" where a training function has no test data to offer.
        weights: (N,), how much each test sample counts in the metric; None where they count alike.
    """

    scores: Tensor
    outputs: Tensor | None = None
    targets: Tensor | None = None
    scored_on: Literal["test", "validation"] = "test"
    weights: Tensor | None = None
