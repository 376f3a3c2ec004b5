"""What a difference is said to be worth."""

from __future__ import annotations

import math
import statistics as reference

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon
from torch import Tensor

from lossmith.search.metrics import METRICS
from lossmith.search.statistics import (
    N_RESAMPLES,
    bootstrap_refits,
    bootstrap_scores,
    compare,
    deviation,
    holm,
    lead,
    mean,
    paired,
    signed_rank,
)

NUMBERS = st.integers(-(10**6), 10**6).map(lambda n: n / 1000)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(st.lists(NUMBERS, min_size=2, max_size=20))
def test_mean_and_deviation_are_those_of_the_standard_library(values: list[float]) -> None:
    """The arithmetic mean and the sample standard deviation, but for rounding of the largest value."""
    size = max(map(abs, values))
    assert mean(values) == pytest.approx(reference.fmean(values), abs=1e-12 * size)
    assert deviation(values) == pytest.approx(reference.stdev(values), rel=1e-9, abs=1e-12 * size)


def test_a_single_value_says_nothing_of_its_spread() -> None:
    """The deviation of one value is 0, and one difference is no number of standard errors."""
    assert deviation([3.0]) == 0
    assert lead([3.0]).errors == 0


def test_standard_errors_are_the_t_statistic() -> None:
    """The mean of differences over its standard error, signed."""
    differences = [0.1, 0.3, -0.1, 0.2]
    error = reference.stdev(differences) / 2
    assert lead(differences).errors == pytest.approx(reference.fmean(differences) / error)
    assert lead([-d for d in differences]).errors == -lead(differences).errors


def test_differences_that_do_not_vary_are_certain() -> None:
    """Infinitely many standard errors for a constant shift, none for equal losses."""
    assert lead([0.25, 0.25]).errors == math.inf
    assert lead([-0.25, -0.25]).errors == -math.inf
    assert lead([0.0, 0.0]).errors == 0


def holm_reference(p_values: list[float]) -> list[float]:
    """Holm's procedure as he words it: reject the smallest while it is below alpha over how many are left."""
    corrected = []
    for p in p_values:
        smaller = sorted(q for q in p_values if q <= p)
        corrected.append(min(1.0, max((len(p_values) - i) * q for i, q in enumerate(smaller))))
    return corrected


@given(P_VALUES)
def test_holm_is_holm(p_values: list[float]) -> None:
    """Each corrected p-value is the largest of (m - rank) p over those up to it, at most 1."""
    assert holm(p_values) == pytest.approx(holm_reference(p_values))


@given(P_VALUES)
def test_holm_keeps_the_order_and_never_flatters(p_values: list[float]) -> None:
    """No corrected p-value is below its own, none above Bonferroni's, and their order stays."""
    corrected = holm(p_values)
    for p, c in zip(p_values, corrected, strict=True):
        assert p <= c <= min(1.0, len(p_values) * p)
    pairs = sorted(zip(p_values, corrected, strict=True))
    assert [c for _, c in pairs] == sorted(corrected)


def test_holm_of_nothing_is_nothing() -> None:
    """Without comparisons there is nothing to correct."""
    assert holm([]) == []


def measured(shift: float, seed: int, refits: int = 16, samples: int = 60) -> tuple[Tensor, Tensor]:
    """Predictions (2, refits, samples) of two losses, the second off by `shift`, and targets (samples,).

    Errors are above zero, so that a shift of the predictions is one of the mean absolute error. The losses
    share the luck of the refit and of the test samples, and have some of their own.
    """
    draw = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    error = (
        2
        + 0.3 * noise(refits, 1)
        + 0.8 * noise(samples)
        + 0.2 * noise(2, refits, 1)
        + 0.5 * noise(2, 1, samples)
    )
    error += 5
    error[1] += shift
    assert bool((error > 0).all())
    return error, torch.zeros(samples, dtype=torch.float64)


def compared(error: Tensor, targets: Tensor, n_resamples: int = N_RESAMPLES) -> tuple[float, float, float]:
    """The interval of the first loss less the second, and its p-value."""
    mae = METRICS["mae"]
    scores = bootstrap_scores(mae, error, targets, 0, n_resamples)
    means = [mean(mae(loss, targets).tolist()) for loss in error]
    found = compare(scores, 0, 1, means[0] - means[1], mae.sign)
    assert found.difference == means[0] - means[1]
    return found.ci_low, found.ci_high, found.p_value


def test_the_bootstrap_is_deterministic() -> None:
    """The same data and seed give the same draws bit for bit, another seed other ones."""
    error, targets = measured(0.3, 1)
    one, again, other = (bootstrap_scores(METRICS["mae"], error, targets, seed) for seed in (0, 0, 1))
    assert one.shape == (N_RESAMPLES, 2)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_draw_is_a_mean_over_resampled_refits_and_samples() -> None:
    """Without anything to resample, one refit and one sample, each draw is the score itself."""
    outputs = torch.tensor([[[3.0]], [[-2.0]]], dtype=torch.float64)
    scores = bootstrap_scores(METRICS["mae"], outputs, torch.zeros(1, dtype=torch.float64), 0, 10)
    assert torch.equal(scores, torch.tensor([[3.0, 2.0]], dtype=torch.float64).expand(10, 2))


def test_equal_losses_do_not_differ() -> None:
    """Two losses with the same outputs have a difference and an interval of zero and a p-value of 1."""
    error, targets = measured(0, 2)
    assert compared(error[:1].expand(2, -1, -1), targets) == (0, 0, 1)


def test_a_loss_does_not_differ_from_itself() -> None:
    """Compared with itself a loss has difference 0 and p-value 1, whatever is handed in."""
    error, targets = measured(1, 3)
    scores = bootstrap_scores(METRICS["mae"], error, targets, 0)
    found = compare(scores, 1, 1, 0.5, -1)
    assert (found.difference, found.ci_low, found.ci_high, found.p_value) == (0, 0, 0, 1)


def test_a_constant_shift_is_found_exactly() -> None:
    """A loss whose every error is larger by 0.5 differs by 0.5 with an interval of no width, beyond doubt."""
    error, targets = measured(0, 4)
    error[1] = error[0] + 0.5
    low, high, p_value = compared(error, targets)
    assert (low, high) == pytest.approx((-0.5, -0.5), abs=1e-12)
    assert p_value == 2 / (N_RESAMPLES + 1)


def test_the_order_of_a_comparison_is_its_sign() -> None:
    """The second loss against the first is the first against the second, mirrored."""
    error, targets = measured(0.2, 5)
    low, high, p_value = compared(error, targets)
    mirrored = compared(error.flip(0), targets)
    assert mirrored == pytest.approx((-high, -low, p_value))


def test_intervals_cover_what_they_say() -> None:
    """Over 300 simulated verdicts 95% intervals hold the true difference in 90% to 98.7%.

    That is 95% and three binomial standard errors, with one point less below: a percentile bootstrap over
    16 refits is a little too narrow, for it takes their spread from 16 values without correction.
    """
    shift, covered = 0.3, 0
    for seed in range(300):
        low, high, _ = compared(*measured(shift, seed), n_resamples=400)
        covered += low <= -shift <= high
    assert 0.902 <= covered / 300 <= 0.987


def test_p_values_and_intervals_agree() -> None:
    """An interval clear of zero goes with a p-value below 0.05, and the other way round, on both sides."""
    seen = set()
    for seed in range(60):
        low, high, p_value = compared(*measured(0.15, seed), n_resamples=400)
        clear = low > 0 or high < 0
        seen.add(clear)
        if not 0.04 < p_value < 0.06:  # at the edge the two round differently
            assert clear == (p_value < 0.05)
    assert seen == {True, False}


@pytest.mark.parametrize("from_outputs", [True, False])
def test_the_spread_of_refits_is_not_understated(*, from_outputs: bool) -> None:
    """Means of resampled refits vary as the mean does: by s over root n, also with 3 refits (within 5%)."""
    scores = torch.tensor([[0.1, 0.5, 0.3]], dtype=torch.float64)
    if from_outputs:  # every test sample is missed by the score, so none of it is the samples' luck
        outputs = scores[..., None].expand(1, 3, 4)
        drawn = bootstrap_scores(METRICS["mae"], outputs, torch.zeros(4, dtype=torch.float64), 0, 20_000)
    else:
        drawn = bootstrap_refits(scores, 0, 20_000)
    assert drawn.shape == (20_000, 1)
    assert float(drawn.std()) == pytest.approx(reference.stdev([0.1, 0.5, 0.3]) / 3**0.5, rel=0.05)


def test_a_lead_has_two_errors() -> None:
    """That of refits shrinks with repeats; that of samples is the spread under resampling, and adds to it."""
    found = lead([0.1, 0.3, 0.2, 0.2], [0.1, 0.3])
    assert found.mean == pytest.approx(0.2)
    assert found.refits == pytest.approx(reference.stdev([0.1, 0.3, 0.2, 0.2]) / 2)
    assert found.samples == pytest.approx(reference.stdev([0.1, 0.3]))
    assert found.error == pytest.approx(math.hypot(found.refits, found.samples))


def test_folds_that_share_samples_err_more() -> None:
    """Without resampled scores the error is Nadeau and Bengio's: s root (1/n + held-out over training)."""
    differences = [0.1, 0.3, 0.2, 0.2]
    found = lead(differences, overlap=1 / 3)
    assert found.error == pytest.approx(reference.stdev(differences) * (1 / 4 + 1 / 3) ** 0.5)


@pytest.mark.parametrize("differences", [[3, -1, 2, 2], [-0.5, -2.5, 1.5, -1, 4], [2, 0, 2, -2, 1, 0]])
def test_the_signed_rank_test_is_scipys(differences: list[float]) -> None:
    """For few differences, with ties and zeros too, the p-value is the exact one of scipy."""
    assert signed_rank(differences) == pytest.approx(float(wilcoxon(differences).pvalue), abs=1e-12)


def test_pairs_are_tested_by_their_ranks() -> None:
    """Six differences on one side have the signed-rank p-value 2/64; none at all are no difference."""
    one = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    p_value, effect_size = paired(one, [v - 0.1 - 0.01 * i for i, v in enumerate(one)])
    assert p_value == pytest.approx(2 / 64)
    assert effect_size is not None
    assert effect_size > 1
    assert paired(one, one) == (1.0, None)
