"""Optuna's tree-structured Parzen estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...spaces import Space
from .sampler import Sampler, Told

if TYPE_CHECKING:
    import optuna

WINDOW = 200  # latest trials the densities are fitted to: an ask takes longer the more there are


class Tpe(Sampler):
    """Multivariate TPE with a constant liar (Bergstra et al. 2011, NeurIPS), on a study of the latest trials.

    Optuna fits its densities anew for each point, some milliseconds every time: for cohorts of few
    and long trials.
    """

    reason = "sampler tpe: Optuna's, where good trials are likelier than others"

    def __init__(self, space: Space, budget: int | None, width: int | None = None) -> None:
        self._distributions = space.distributions()

    def propose(self, told: Sequence[Told], count: int, start: int, seed: int) -> list[dict[str, float]]:
        import optuna

        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            sampler = optuna.samplers.TPESampler(
                seed=(seed + start) % 2**32, multivariate=True, constant_liar=True
            )
            study = optuna.create_study(direction="maximize", sampler=sampler)
            study.add_trials([self._trial(t) for t in told[-WINDOW:]])
            return [study.ask(self._distributions).params for _ in range(count)]
        finally:
            optuna.logging.set_verbosity(before)

    def _trial(self, told: Told) -> optuna.trial.FrozenTrial:
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
