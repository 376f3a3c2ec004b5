"""Which explored losses race: the best, once their luck is taken off.

The best scores of many trials are good and lucky both. Empirical Bayes tells how much of each: a score is
drawn towards what similar losses scored, the more so the larger the noise of a score is beside the
differences between losses (Efron and Morris 1975, with a forest's out-of-bag prediction as the mean).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ..records import Trial

FEW = 24  # trials, below which a forest says nothing


def contenders(explored: Sequence[Trial], standards: Collection[str], count: int, sign: int) -> list[Trial]:
    """Return the best complete trials by shrunk score.

    Args:
        explored: The trials of all cohorts.
        standards: The hashes of losses that race in any case and are left out.
        count: How many trials to return, at most.
        sign: +1 where a greater score is better, -1 where a smaller one is.
    """
    whole = [t for t in explored if t.outcome.state == "complete" and t.candidate.spec.hash not in standards]
    if not whole:
        return []
    scores = np.array([t.outcome.scores for t in whole])
    shrunk = shrunk_scores(scores, features(whole))
    order = sorted(range(len(whole)), key=lambda i: (-sign * shrunk[i], whole[i].number))
    return [whole[i] for i in order[:count]]


def features(trials: Sequence[Trial]) -> NDArray[np.float64]:
    """One row for each trial: its loss's parameters, NaN where it has none, and its log learning rate."""
    names = sorted({name for t in trials for name in t.candidate.spec.parameters})
    rows = [
        [t.candidate.spec.parameters.get(name, np.nan) for name in names] + [np.log(t.candidate.recipe.rate)]
        for t in trials
    ]
    return np.array(rows, dtype=np.float64)


def shrunk_scores(scores: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean score of each trial, drawn towards what trials like it scored, (trials,).

    The noise of a mean is that of paired scores: what all trials share on a repeat is no luck of any of them.

    Args:
        scores: Scores (trials, repeats).
        rows: What describes each trial, (trials, F).
    """
    from sklearn.ensemble import RandomForestRegressor

    means: NDArray[np.float64] = scores.mean(1)
    if scores.shape[1] < 2 or len(means) < FEW:
        return means
    paired = scores - scores.mean(0)
    noise = float(paired.var(1, ddof=1).mean()) / scores.shape[1]
    forest = RandomForestRegressor(200, min_samples_leaf=3, oob_score=True, random_state=0, n_jobs=1)
    expected = forest.fit(rows, means).oob_prediction_
    differences = max(0.0, float(((means - expected) ** 2).mean()) - noise)
    kept = differences / (differences + noise) if differences + noise > 0 else 1.0
    return np.asarray(expected + kept * (means - expected))
