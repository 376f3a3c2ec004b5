"""What every sampler keeps to, whoever wrote it."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

import numpy as np
import optuna
import pytest
from scipy.stats.qmc import Halton as Halton_

from lossmith.losses import UserError
from lossmith.search import Proposer, Recipe
from lossmith.search.proposals.samplers import (
    SAMPLERS,
    Observation,
    Sampler,
    cmaes,
    register_sampler,
    registry,
    tpe,
)
from lossmith.search.testing import SamplerSuite
from lossmith.search.testing.sampler_suite import SPACE, observations
from lossmith.spaces import Domain, Space

BUDGET, WIDTH = 40, 10


class TestEverySampler(SamplerSuite):
    """What every sampler keeps to, whoever wrote it."""

    name: str

    @pytest.fixture(autouse=True, params=sorted(SAMPLERS))
    def chosen(self, request: pytest.FixtureRequest) -> None:
        """Each sampler in turn."""
        self.name = request.param

    def make(self, space: Space) -> Sampler:
        """The sampler for a budget of 40 points in cohorts of 10."""
        return SAMPLERS[self.name](space, BUDGET, WIDTH)


class Halton:
    """A sampler from outside."""

    reason = "sampler halton: points spread evenly"

    def __init__(self, space: Space, budget: int | None, width: int | None = None) -> None:
        """`budget` and `width` change nothing."""
        self._domains = space.coordinates()

    def propose(
        self, told: Sequence[Observation], count: int, start: int, seed: int
    ) -> list[dict[str, float]]:
        """Points `start` and following of a scrambled Halton sequence."""
        if not self._domains:
            return [{} for _ in range(count)]
        sequence = Halton_(len(self._domains), rng=seed % 2**32)
        if start:
            sequence.fast_forward(start)
        rows = sequence.random(count)
        return [
            {name: domain.at(float(u)) for (name, domain), u in zip(self._domains.items(), row, strict=True)}
            for row in rows
        ]


class TestSamplerFromOutside(SamplerSuite):
    """A third party inherits the suite for a sampler of its own."""

    def make(self, space: Space) -> Sampler:
        """A Halton sequence."""
        return Halton(space, BUDGET, WIDTH)


@pytest.fixture
def halton() -> Iterator[str]:
    """The sampler from outside, registered for one test."""
    register_sampler("halton", Halton)
    yield "halton"
    del registry._known["halton"]


def test_a_registered_sampler_is_one_like_the_others(halton: str) -> None:
    """A search may name it, it proposes, and no other may take its name."""
    proposer = Proposer(SPACE, Recipe(), sampler=halton)
    assert len(proposer.ask(4)) == 4
    assert proposer.reason == Halton.reason
    with pytest.raises(UserError, match="a name of its own, but there is a sampler 'halton' already"):
        register_sampler(halton, SAMPLERS["random"])
    assert register_sampler(halton, Halton) is Halton


@pytest.mark.end_to_end
def test_listing_the_samplers_imports_nothing_heavy() -> None:
    """Optuna is imported by the sampler that asks it, when it is asked."""
    code = (
        "import sys, lossmith.search.proposals.samplers as s; print(len(s.SAMPLERS), 'optuna' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [str(len(SAMPLERS)), "False"]


def test_ranks_put_failures_last() -> None:
    """Trained further is better than a score at an early epoch, and what diverged is worst."""
    order = [
        Observation({}, math.nan, 0.0),
        Observation({}, 0.9, 0.25),
        Observation({}, 0.1, 0.5),
        Observation({}, 0.2, 1.0),
        Observation({}, 0.3, 1.0),
    ]
    assert sorted([order[i] for i in (3, 1, 4, 0, 2)], key=lambda t: t.rank) == order


def found_by(name: str, seed: int) -> float:
    """The best of the last cohort of 16, of 5, on a hill in the space of learning rate and one parameter.

    A quarter of the space diverges and half of each cohort is pruned, so that both have to be coped with.
    """
    space = Space(
        "multiclass",
        {"focal.gamma": Domain(0, 5), "recipe.learning_rate": Domain(1e-4, 1, log=True)},
        {},
        {"mix.cross_entropy": 1.0},
    )
    sampler, known, scores = SAMPLERS[name](space, 80, 16), list[Observation](), list[float]()
    for cohort in range(5):
        points = sampler.propose(known, 16, 16 * cohort, seed)
        scores = []
        for point in points:
            at = {n: d.share(point[n]) for n, d in space.coordinates().items()}
            scores.append(-((at["focal.gamma"] - 0.3) ** 2) - (at["recipe.learning_rate"] - 0.6) ** 2)
            if at["recipe.learning_rate"] > 0.75:
                scores[-1] = math.nan
        half = sorted((s for s in scores if not math.isnan(s)), reverse=True)[7:8]
        cut = half[0] if half else -math.inf
        for point, score in zip(points, scores, strict=True):
            known.append(
                Observation(point, score, 0.0 if math.isnan(score) else 1.0 if score >= cut else 0.5)
            )
    return mean(score if not math.isnan(score) else -1.0 for score in scores)


@pytest.mark.parametrize("name", ["auto", "cmaes", "evolution", "tpe"])
def test_samplers_that_learn_look_where_it_is_good(name: str) -> None:
    """After 4 cohorts the mean of the fifth is better than random's, in at least 9 searches of 10.

    With equal samplers 9 or more of 10 would happen once in 93 runs; the seeds are fixed.
    """
    wins = sum(found_by(name, seed) > found_by("random", seed) for seed in range(10))
    assert wins >= 9


def test_tpe_asked_for_one_point_gives_optunas() -> None:
    """A cohort of one is what Optuna's own sampler with that seed asks for, number for number."""
    known = observations(30)
    (point,) = SAMPLERS["tpe"](SPACE, None).propose(known, 1, 30, 5)
    seed = int(np.random.default_rng([5, 30]).integers(2**32))
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials([tpe.Tpe(SPACE, None)._trial(one) for one in known])
    assert point == study.ask(SPACE.distributions()).params


def test_tpe_fits_its_densities_a_few_times_for_a_cohort(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four different points cost as many fits as there are pieces, whatever the cohort's width."""
    known, fits = observations(300), []
    fitted = optuna.samplers.TPESampler._build_parzen_estimator

    def counted(*given: Any, **more: Any) -> Any:
        fits.append(given)
        return fitted(*given, **more)

    monkeypatch.setattr(optuna.samplers.TPESampler, "_build_parzen_estimator", counted)
    points = SAMPLERS["tpe"](SPACE, None).propose(known, 64, 300, 0)
    assert len({tuple(point.values()) for point in points}) == 64
    assert len(fits) == 2 * tpe.PIECES  # the good trials' and the others'


@pytest.mark.parametrize("name", ["cmaes", "tpe"])
def test_models_are_fitted_to_a_window(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is older changes nothing, so that a long history costs no more than a short one."""
    monkeypatch.setattr(cmaes, "GENERATIONS", 2)
    monkeypatch.setattr(tpe, "WINDOW", 64)
    known = observations(96)
    sampler, best = SAMPLERS[name](SPACE, None, 32), [replace(known[0], value=9.0, share=1.0)] * 32
    assert sampler.propose([*best, *known], 4, 0, 0) == sampler.propose([*known[:32], *known], 4, 0, 0)
    assert sampler.propose([*known, *best], 4, 0, 0) != sampler.propose([*known, *known[:32]], 4, 0, 0)


@pytest.mark.parametrize(
    ("budget", "width", "words"),
    [
        (
            256,
            64,
            "102 losses spread evenly, .*evolution.* 256 trials in cohorts of 64 over 2 searched numbers",
        ),
        (64, 64, "spread evenly, for 64 trials in cohorts of 64 over 2 searched numbers are one cohort"),
        (200, 8, "4 losses spread evenly, then .*tpe.*, for 200 trials in cohorts of 8"),
        (None, None, "evolution.* 512 trials in cohorts of 64"),
    ],
)
def test_auto_says_what_it_does_and_why(budget: int | None, width: int | None, words: str) -> None:
    """By the budget, the width of the cohorts and the dimensions of the space, in one line."""
    space = Space(
        "multiclass", {"focal.gamma": Domain(0, 5), "gce.q": Domain(0, 1)}, {}, {"mix.cross_entropy": 1.0}
    )
    reason = SAMPLERS["auto"](space, budget, width).reason
    assert re.search(words, reason), reason
    assert all(SAMPLERS[name](space, budget, width).reason.startswith(f"sampler {name}") for name in SAMPLERS)
