"""The refits of the verdict: what each loss scores, and how two of them compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..metrics import Metric
from ..metrics.cutoffs import shifted
from ..records import Comparison, RefitScores, Tested, Trial
from ..statistics import bootstrap_refits, bootstrap_scores, compare, mean, paired, refit_scores


@dataclass(frozen=True)
class Refits:
    """Refits of some losses, paired: the same place is the same seed for every loss.

    Attributes:
        by_number: The scores of each loss's refits, by the number of its trial.
        resampled: Mean scores under resampled refits and test samples, (n_resamples, losses).
        sign: +1 where a greater score is better, -1 where a smaller one is.
    """

    by_number: Mapping[int, Sequence[float]]
    resampled: Tensor
    sign: int

    @classmethod
    def of(cls, tested: Tested, numbers: Sequence[int], metric: Metric, seed: int) -> Refits:
        """Return the refits that a runner made, with what other refits and test samples would have given.

        Args:
            tested: What the runner measured.
            numbers: The numbers of the losses' trials, in the order of the runner's candidates.
            metric: The metric.
            seed: Seeds the resampling.
        """
        scores = _complete(tested.scores, metric.sign)
        if tested.outputs is None or tested.targets is None:
            resampled = bootstrap_refits(scores, seed)
        else:
            weighted = metric.weighted(tested.weights)
            resampled = bootstrap_scores(weighted, tested.outputs, tested.targets, seed)
        return cls(dict(zip(numbers, scores.tolist(), strict=True)), resampled, metric.sign)

    def scores(self, trial: Trial, learning_rate: float | None = None) -> RefitScores:
        """Return what the refits of a loss score.

        Args:
            trial: The loss's trial.
            learning_rate: What the refits were trained with; None where it is told elsewhere.
        """
        return refit_scores(self.by_number[trial.number], learning_rate)

    def compare(self, one: Trial, other: Trial) -> Comparison:
        """Return the comparison of two losses, the one minus the other.

        Args:
            one: The trial of the one.
            other: The trial of the other.
        """
        a, b = self.by_number[one.number], self.by_number[other.number]
        place = {number: index for index, number in enumerate(self.by_number)}
        places = place[one.number], place[other.number]
        compared = compare(self.resampled, *places, mean(a) - mean(b), self.sign)
        wilcoxon_p, effect_size = paired(a, b)
        return replace(compared, wilcoxon_p=wilcoxon_p, effect_size=effect_size)


def with_cutoffs(tested: Tested, offsets: Sequence[Sequence[float]], metric: Metric) -> Tested:
    """Return the refits with the cut-offs that were tuned on held-out data; test data tune none.

    Args:
        tested: Refits of some losses.
        offsets: What is added to each column of the outputs, for each loss; empty for one whose cut-off is
            not tuned.
        metric: Scores the outputs anew.
    """
    if tested.outputs is None or tested.targets is None or not any(map(len, offsets)):
        return tested
    outputs, scores = tested.outputs.clone(), tested.scores.clone()
    for place, own in enumerate(offsets):
        if own:
            refits = len(outputs[place])
            outputs[place] = shifted(outputs[place], torch.tensor([list(own)] * refits, dtype=torch.float64))
            scores[place] = metric.weighted(tested.weights)(outputs[place], tested.targets).to(scores)
    return replace(tested, outputs=outputs, scores=scores)


def _complete(scores: Tensor, sign: int) -> Tensor:
    """The scores with the worst of them in the place of those that are no numbers."""
    if not bool(scores.isfinite().any()):
        raise RuntimeError("no refit of the verdict has a score; check the metric on the test part")
    known = scores[scores.isfinite()]
    worst = known.min() if sign > 0 else known.max()
    return torch.where(scores.isfinite(), scores, worst)
