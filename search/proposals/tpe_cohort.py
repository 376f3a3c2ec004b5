"""Optuna's TPE for many points at a time: its densities are fitted once for several of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler

CANDIDATES = 24  # that Optuna draws for a point, to take the likeliest to be good
LEAST = 8  # for each of many points of one fit: of more of them, all would take much the same

_Draws = tuple[dict[str, NDArray[Any]], NDArray[Any]]


class CohortTPESampler(TPESampler):
    """Draws the candidates of `points` points at once, and remembers them.

    Most of an ask is spent on fitting the densities and on what each call costs. What is drawn and how it is
    judged is Optuna's. Where another version of it judges elsewhere, nothing is remembered.

    Args:
        points: How many points are asked for at once, at least 1.
        seed: Seeds the draws.
    """

    def __init__(self, points: int, seed: int) -> None:
        self._points, self._each = points, max(LEAST, CANDIDATES // points)
        super().__init__(
            seed=seed, multivariate=True, constant_liar=True, n_ei_candidates=points * self._each
        )
        self._drawn: _Draws | None = None

    def _compute_acquisition_func(
        self, samples: dict[str, NDArray[Any]], mpe_below: Any, mpe_above: Any
    ) -> NDArray[Any]:
        values: NDArray[Any] = super()._compute_acquisition_func(samples, mpe_below, mpe_above)
        self._drawn = samples, values
        return values

    def points(self, distributions: Mapping[str, BaseDistribution]) -> list[dict[str, Any]]:
        """Return the best of the candidates of each point of the last ask; empty where it drew none."""
        if self._drawn is None:
            return []
        samples, values = self._drawn
        best = values.reshape(self._points, -1).argmax(1) + self._each * np.arange(self._points)
        return [
            {name: distributions[name].to_external_repr(drawn[row]) for name, drawn in samples.items()}
            for row in best
        ]
