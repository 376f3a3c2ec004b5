"""Optuna's tree-structured Parzen estimator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ....spaces import Space
from .sampler import Observation, Sampler

if TYPE_CHECKING:
    import optuna

PIECES = 8  # fits for a cohort: within one piece, points do not know of each other
WINDOW = 200  # latest trials the densities are fitted to: an ask takes longer the more there are


class Tpe(Sampler):
    """Multivariate TPE with a constant liar (Bergstra et al. 2011, NeurIPS), on a study of the latest trials.

    Optuna fits its densities anew for each point, some milliseconds every time. Here a cohort is asked for
    in `PIECES`, each of which knows of the pieces before it.

    Args:
        space: The space of the points.
        budget: Not read.
        width: Not read.
    """

    reason = "sampler tpe: Optuna's, where good trials are likelier than others"

    def __init__(self, space: Space, budget: int | None, width: int | None = None) -> None:
        self._distributions = space.distributions()

    def propose(
        self, told: Sequence[Observation], count: int, start: int, seed: int
    ) -> list[dict[str, float]]:
        import optuna

        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            study = optuna.create_study(direction="maximize")
            study.add_trials([self._trial(t) for t in told[-WINDOW:]])
            found: list[dict[str, float]] = []
            for each in np.random.default_rng([seed, start]).integers(2**32, size=PIECES).tolist():
                if piece := min(math.ceil(count / PIECES), count - len(found)):
                    found += self._asked(study, piece, each)
            return found
        finally:
            optuna.logging.set_verbosity(before)

    def _asked(self, study: optuna.Study, count: int, seed: int) -> list[dict[str, float]]:
        """Points of one fit; the study knows of them afterwards."""
        import optuna

        from ..tpe_cohort import CohortTPESampler

        sampler = study.sampler = CohortTPESampler(count, seed)
        first = study.ask(self._distributions)
        points = sampler.points(self._distributions)
        if not points:  # too little was told to fit anything
            return [first.params, *(study.ask(self._distributions).params for _ in range(count - 1))]
        running = optuna.trial.TrialState.RUNNING
        others = [point for point in points if point != first.params]
        study.add_trials(
            [
                optuna.trial.create_trial(state=running, params=p, distributions=self._distributions)
                for p in others
            ]
        )
        return points

    def _trial(self, told: Observation) -> optuna.trial.FrozenTrial:
        import optuna

        # A pruned trial without reports ranks below all others: what a loss that diverged deserves.
        whole = told.share == 1
        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.COMPLETE if whole else optuna.trial.TrialState.PRUNED,
            value=told.value if whole else None,
            params=dict(told.point),
            distributions=self._distributions,
            intermediate_values={round(told.share * 1000): told.value} if 0 < told.share < 1 else {},
        )


SAMPLER = Tpe
