"""What becomes of losses whose metric is no number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ...losses.errors import UserError
from ..records.trial import Outcome, Repeat

SEVERAL = 5  # losses without a number on the same repeat: it is not their fault


def as_diverged(outcomes: Sequence[Outcome], repeats: Sequence[Repeat], metric: str) -> list[Outcome]:
    """The outcomes, with losses that were trained to the end but whose metric is NaN as diverged.

    Raises `UserError` where the metric is NaN for every one of several losses on the same repeat, for then
    the held-out part is at fault: a fold without positives has no ranking, say.
    """
    whole = [outcome for outcome in outcomes if outcome.state == "complete"]
    for place, repeat in enumerate(repeats):
        if len(whole) >= SEVERAL and all(math.isnan(outcome.scores[place]) for outcome in whole):
            raise UserError(
                f"the metric must be a number on every held-out part, but {metric} is NaN for every loss on "
                f"fold {repeat.fold} (seed {repeat.seed}); ask for fewer folds, or for another metric"
            )
    return [_numbered(outcome, repeats, metric) for outcome in outcomes]


def _numbered(outcome: Outcome, repeats: Sequence[Repeat], metric: str) -> Outcome:
    if outcome.state != "complete" or not math.isnan(outcome.score):
        return outcome
    wrong = next(r for r, score in zip(repeats, outcome.scores, strict=True) if math.isnan(score))
    reason = f"{metric} is NaN, seed {wrong.seed}, fold {wrong.fold}"
    return replace(outcome, state="diverged", reason=reason, resampled=())
