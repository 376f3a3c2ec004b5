"""What becomes of losses whose metric is no number."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...losses.errors import UserError
from ..records import Measurement, Repeat

SEVERAL = 5  # losses without a number on the same repeat: it is not their fault


def as_diverged(measured: Sequence[Measurement], repeats: Sequence[Repeat], metric: str) -> list[Measurement]:
    """Return the measurements, with complete ones whose metric is NaN as diverged.

    Args:
        measured: what came of training some candidates on `repeats`.
        repeats: in the order of the scores.
        metric: its name, for the reason.

    Raises:
        UserError: if the metric is NaN for every one of several losses on the same repeat, for then the
            held-out part is at fault: a fold without positives has no ranking, say.
    """
    whole = [one.outcome for one in measured if one.complete]
    for place, repeat in enumerate(repeats):
        if len(whole) >= SEVERAL and all(math.isnan(outcome.scores[place]) for outcome in whole):
            raise UserError(
                f"the metric must be a number on every held-out part, but {metric} is NaN for every loss on "
                f"fold {repeat.fold} (seed {repeat.seed}); ask for fewer folds, or for another metric"
            )
    return [_checked(one, repeats, metric) for one in measured]


def _checked(one: Measurement, repeats: Sequence[Repeat], metric: str) -> Measurement:
    if not one.complete or not math.isnan(one.outcome.score):
        return one
    wrong = next(r for r, score in zip(repeats, one.outcome.scores, strict=True) if math.isnan(score))
    return one.diverged(f"{metric} is NaN, seed {wrong.seed}, fold {wrong.fold}")
