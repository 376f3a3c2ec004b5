"""Who races is chosen by scores that are free of luck, as far as they can be."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith.search.method.shrinkage import FEW, shrunk_scores


def trials(noise: float, count: int = 200, repeats: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True scores (count,), measured ones (count, repeats) and what describes the trials (count, 2)."""
    draw = np.random.default_rng(0)
    rows = draw.uniform(-1, 1, (count, 2))
    truth = 0.7 - 0.1 * (rows**2).sum(1)
    return truth, truth[:, None] + noise * draw.normal(size=(count, repeats)), rows


def test_shrunk_scores_are_nearer_to_the_truth() -> None:
    """Where noise is as large as the differences, shrinking halves the squared error of scores."""
    truth, scores, rows = trials(0.1)
    plain, shrunk = ((found - truth) ** 2 for found in (scores.mean(1), shrunk_scores(scores, rows)))
    assert shrunk.mean() < plain.mean() / 2


def test_the_lucky_are_not_chosen_for_their_luck() -> None:
    """The ten best by shrunk score are truly better than the ten best by score."""
    truth, scores, rows = trials(0.1)
    chosen = [
        truth[np.argsort(found)[-10:]].mean() for found in (scores.mean(1), shrunk_scores(scores, rows))
    ]
    assert chosen[1] > chosen[0]


def test_without_noise_scores_stay_nearly_as_they_are() -> None:
    """Scores that repeats confirm to within a hundredth of their differences keep their order at the top."""
    _, scores, rows = trials(0.0005)
    found = shrunk_scores(scores, rows)
    assert np.argsort(found)[-3:].tolist() == np.argsort(scores.mean(1))[-3:].tolist()
    assert found == pytest.approx(scores.mean(1), abs=0.002)


@pytest.mark.parametrize("shape", [(FEW - 1, 4), (50, 1)])
def test_with_little_to_go_by_scores_are_taken_as_they_are(shape: tuple[int, int]) -> None:
    """A few trials, or trials of one repeat, tell nothing of their noise or of their likes."""
    scores = np.random.default_rng(0).normal(size=shape)
    assert np.array_equal(shrunk_scores(scores, np.zeros((shape[0], 1))), scores.mean(1))
