"""What a difference between losses is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .metrics import Metric
from .random_streams import generator
from .records import Comparison, RefitScores

N_RESAMPLES = 2000
TWO_SIDED_95, ONE_SIDED_95 = 1.96, 1.645  # quantiles of the normal distribution
FEW = (
    13  # differences, whose 2^13 signs are looked at; scipy does the same, sign by sign where sizes are tied
)
ROUNDING = 1e-12  # of a score: a matrix product may round equal columns differently


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """The sample standard deviation; 0 for a single value."""
    if len(values) < 2:
        return 0.0
    centre = mean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1))


@dataclass(frozen=True)
class Lead:
    """By how much one loss leads another on held-out data, in the metric's units, and how much may be luck.

    Attributes:
        mean: The mean lead, with better counted positive.
        refits: The standard error that more repeats make smaller; infinite where a single repeat tells none.
        samples: The standard error that more repeats leave as it is: another sample of the same population
            would have given another lead.
    """

    mean: float
    refits: float
    samples: float

    @property
    def error(self) -> float:
        """The standard error from both sources."""
        return math.hypot(self.refits, self.samples)

    @property
    def errors(self) -> float:
        """The lead in standard errors; infinite where it does not vary, 0 where there is no telling."""
        if self.error == 0:
            return math.copysign(math.inf, self.mean) if self.mean else 0.0
        return self.mean / self.error


def lead(differences: Sequence[float], drawn: Sequence[float] = (), overlap: float = 0.0) -> Lead:
    """The lead in paired differences, with its two standard errors.

    A single difference has no error of refits that could be told, and so an infinite one.

    Args:
        differences: The paired differences, one for each repeat, with better counted positive.
        drawn: The mean difference under each resampling of the held-out samples; empty where it is not known.
        overlap: Held-out samples for each training sample, 0 where the held-out part is fixed. Without
            `drawn` it says how far repeats share their samples (Nadeau and Bengio 2003).
    """
    if len(differences) < 2:
        return Lead(mean(differences), math.inf, 0.0)
    spread = deviation(differences)
    samples = deviation(drawn) if drawn else spread * math.sqrt(overlap)
    return Lead(mean(differences), spread / math.sqrt(len(differences)), samples)


def bootstrap_scores(
    metric: Metric, outputs: Tensor, targets: Tensor, seed: int, n_resamples: int = N_RESAMPLES
) -> Tensor:
    """Mean scores of losses under resampled refits and resampled test samples, (n_resamples, losses).

    Each draw takes refits and test samples with replacement, the same ones for every loss: the two sources of
    error a reader of the verdict cares about, what another training run and what another test set would have
    given. As many test samples are drawn as there are, for a metric need not be a mean and may change with
    their number, and they are many; of n refits n - 1, see `_shares`.

    Args:
        metric: The metric, with the weights of the test samples.
        outputs: Outputs (losses, refits, N, ...); one place is one seed for every loss.
        targets: Targets (N, ...).
        seed: Seeds the draws.
        n_resamples: The number of draws.
    """
    losses, refits, samples = outputs.shape[:3]
    draw = generator(seed, "bootstrap")
    test = resampled(n_resamples, samples, draw)
    scores = metric.score(outputs.flatten(0, 1), targets, test).view(n_resamples, losses, refits)
    return torch.einsum("dlr,dr->dl", scores, _shares(n_resamples, refits, draw))


def bootstrap_refits(scores: Tensor, seed: int, n_resamples: int = N_RESAMPLES) -> Tensor:
    """Mean scores of losses under resampled refits alone, (n_resamples, losses).

    For tasks that give no outputs: what another test set would have given stays unknown.

    Args:
        scores: Scores (losses, refits); one place is one seed for every loss.
        seed: Seeds the draws.
        n_resamples: The number of draws.
    """
    refits = scores.shape[1]
    return _shares(n_resamples, refits, generator(seed, "bootstrap")) @ scores.double().T


def _shares(n_resamples: int, refits: int, draw: torch.Generator) -> Tensor:
    """The weights of refits in each draw's mean, (n_resamples, refits).

    Of n refits n - 1 are drawn. The mean of n drawn ones would vary by (n - 1) / n of s squared over n, which
    at 3 refits understates the standard error by 18% and at 16 by 3%; that of n - 1 varies by s squared over
    n as the mean does (Rao and Wu 1988, Resampling inference with complex survey data).
    """
    size = max(1, refits - 1)
    return resampled(n_resamples, refits, draw, size) / size


def resampled(n_resamples: int, count: int, draw: torch.Generator, size: int | None = None) -> Tensor:
    """How often each of some things is taken in each draw with replacement, (n_resamples, count).

    Args:
        n_resamples: The number of draws.
        count: The number of things.
        draw: Draws them.
        size: How many are taken in each draw; None for as many as there are.
    """
    chosen = torch.randint(count, (n_resamples, size or count), generator=draw)
    return torch.zeros(n_resamples, count, dtype=torch.float64).scatter_add_(
        1, chosen, torch.ones(chosen.shape, dtype=torch.float64)
    )


def compare(scores: Tensor, winner: int, other: int, difference: float, sign: int) -> Comparison:
    """Compare two losses: the difference as it was measured, with its interval from bootstrapped scores.

    Args:
        scores: Bootstrapped scores (n_resamples, losses).
        winner: The column of the one loss.
        other: The column of the other, which is subtracted.
        difference: The measured difference of the two, in the metric's units.
        sign: +1 where a greater score is better, -1 where a smaller one is.
    """
    if winner == other:
        return Comparison(0.0, 0.0, 0.0, 1.0)
    one, two = scores[:, winner], scores[:, other]
    drawn = one - two
    known = drawn.isfinite()  # a test set without positives, say, has no ranking
    one, two, drawn = one[known], two[known], drawn[known]
    drawn[drawn.abs() <= ROUNDING * torch.maximum(one.abs(), two.abs())] = 0
    low, high = torch.quantile(drawn, torch.tensor([0.025, 0.975], dtype=drawn.dtype)).tolist()
    against = sign * drawn
    tail = min(int((against <= 0).sum()), int((against >= 0).sum()))
    return Comparison(difference, low, high, min(1.0, 2 * (tail + 1) / (len(drawn) + 1)))


def refit_scores(scores: Sequence[float], learning_rate: float | None = None) -> RefitScores:
    """Return the scores of a loss's refits with their mean and spread.

    Args:
        scores: The score of each refit.
        learning_rate: What the refits were trained with; None where it is told elsewhere.
    """
    return RefitScores(mean(scores), deviation(scores), tuple(scores), learning_rate)


def paired(one: Sequence[float], other: Sequence[float]) -> tuple[float, float | None]:
    """Return the signed-rank p-value and the effect size of paired scores of refits.

    The two-sided signed-rank test (Wilcoxon 1945) assumes no distribution, and does not see the luck of the
    test sample. The effect size is the mean difference in standard deviations of the differences (Cohen's d
    for pairs), None where they do not vary.

    Args:
        one: The score of each refit of one loss.
        other: The scores of the other loss, with the same seeds at the same places.
    """
    differences = [a - b for a, b in zip(one, other, strict=True)]
    size = max(map(abs, (*one, *other)))
    if all(abs(difference) <= ROUNDING * size for difference in differences):
        return 1.0, None
    spread = deviation(differences)
    effect_size = mean(differences) / spread if spread > ROUNDING * size else None
    return signed_rank(differences), effect_size


def signed_rank(differences: Sequence[float]) -> float:
    """The two-sided p-value of Wilcoxon's signed-rank test, exact for few differences, ties or not."""
    told = torch.tensor([d for d in differences if d], dtype=torch.float64)
    if len(told) > FEW:
        from scipy.stats import wilcoxon

        return float(wilcoxon(differences).pvalue)
    sizes = told.abs()
    ranks = (sizes[:, None] > sizes).sum(1) + ((sizes[:, None] == sizes).sum(1) + 1) / 2.0
    signs = torch.arange(2 ** len(told))[:, None] >> torch.arange(len(told)) & 1
    sums, found = signs.double() @ ranks.double(), ranks[told > 0].double().sum()
    return min(1.0, 2 * min(float((sums <= found).double().mean()), float((sums >= found).double().mean())))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979), in the order of `p_values`."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
