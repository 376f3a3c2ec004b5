"""Searches that take no time: the shipped simulated runner with a formula of our own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from lossmith.search import Candidate, Proposer
from lossmith.search.method.context import SearchContext
from lossmith.search.records import Ledger, MemoryLedger, Plan, Progress
from lossmith.search.testing import JsonLedger, RecordedProgress
from lossmith.search.testing import SimulatedRunner as Simulated
from lossmith.search.testing.simulated_runner import Quality
from lossmith.spaces import Domain, Space

__all__ = ["JsonLedger", "Quality", "RecordedProgress"]

PLAN = Plan(trials=24, seeds=3, width=8, rates=3, contenders=4, race_rounds=3, race_seeds=4, verdict_seeds=6)
# Losses of focal and gce, and nothing that a standard loss is.
SPACE = Space(
    "multiclass",
    {"focal.gamma": Domain(0.5, 4), "gce.q": Domain(0.1, 0.6)},
    {},
    {"mix.gce": 1.0, "mix.cross_entropy": 0.5},
)


def is_standard(candidate: Candidate) -> bool:
    """Whether it is a standard loss."""
    return candidate.standard is not None


def by_rate(candidate: Candidate) -> float:
    """Best at the recipe's own learning rate of 3e-3, worse by .01 for a factor of e."""
    return -0.01 * abs(math.log(candidate.recipe.rate / 3e-3))


def ordinary(candidate: Candidate) -> float:
    """Standard losses around .7, those of SPACE from .70 to .74: best at gamma 2 and q 0.3."""
    if is_standard(candidate):
        return 0.7 + by_rate(candidate)
    gamma, q = (candidate.spec.parameters.get(name, 0) for name in ("focal.gamma", "gce.q"))
    return 0.74 - 0.01 * (gamma - 2) ** 2 - 0.1 * (q - 0.3) ** 2 + by_rate(candidate)


@dataclass
class SimulatedRunner(Simulated):
    """The shipped one; the losses of SPACE are a little ahead of standard ones."""

    quality: Quality = ordinary


def context_of(
    runner: SimulatedRunner,
    *,
    plan: Plan = PLAN,
    space: Space = SPACE,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
    **search: Any,
) -> SearchContext:
    """A context for this runner, with a search of its own."""
    made = Proposer(
        space,
        runner.task.settings,
        budget=plan.trials,
        seed=plan.seed,
        sign=runner.task.measure.sign,
        **search,
    )
    return SearchContext(
        runner.task,
        plan,
        made,
        runner,
        MemoryLedger() if ledger is None else ledger,
        progress or RecordedProgress(),
    )
