"""Optuna's tree-structured Parzen estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...spaces import Space
from .sampler import Sampler, Told

if TYPE_CHECKING:
    import optuna

WINDOW = 2000  # trials a model is fitted to: its cost grows with them, its advice hardly does


class Tpe(Sampler):
    """Multivariate TPE with a constant liar, on a study that holds the latest trials."""

    def __init__(self, space: Space, budget: int | None) -> None:
        self._distributions = space.distributions()

    def propose(self, told: Sequence[Told], count: int, start: int, seed: int) -> list[dict[str, float]]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(
            seed=(seed + start) % 2**32, multivariate=True, constant_liar=True
        )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials([self._trial(t) for t in told[-WINDOW:]])
        return [study.ask(self._distributions).params for _ in range(count)]

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
