"""Losses that are not worth training, seen before they are trained."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...losses import healths
from ..records import Candidate, Outcome


def rejected(candidates: Sequence[Candidate], repeats: int) -> dict[int, Outcome]:
    """Return the outcome of each candidate that cannot be trained with, by its place.

    What can be trained with is judged by `losses/checks/gradient_health.py`. Standard losses are what the
    others are compared with, so they are trained in any case.

    Args:
        candidates: The candidates.
        repeats: The number of repeats: an outcome has a NaN for each of them.
    """
    searched = [i for i, candidate in enumerate(candidates) if candidate.standard is None]
    found = zip(searched, healths([candidates[i].spec for i in searched]), strict=True)
    nothing = (math.nan,) * repeats
    return {
        i: Outcome("rejected", nothing, 0, reason="; ".join(health.problems))
        for i, health in found
        if not health.ok
    }
