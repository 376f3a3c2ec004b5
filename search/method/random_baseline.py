"""Whether the sampler was worth it: the same budget spent on losses drawn at random."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..proposals.proposer import Proposer
from ..records import Ledger, Phase, Trial, Unit
from .context import SearchContext
from .explore import explore
from .headroom import Tuned
from .race import race

FIRST = 1_000_000  # the number of the first random trial: they are counted apart and are nobody's trials
ASIDE: dict[Phase, Phase] = {"explore": "random explore", "race": "random race"}


@dataclass(frozen=True)
class Aside:
    """A part of a ledger for phases that are run a second time; their trials are kept as documents."""

    ledger: Ledger

    def find(self, phase: Phase, index: int) -> Unit | None:
        """Return the unit of this side; what both sides share, such as headroom, is the ledger's own."""
        if phase not in ASIDE:
            return self.ledger.find(phase, index)
        unit = self.ledger.find(ASIDE[phase], index)
        if unit is None or unit.payload is None:
            return None
        trials = tuple(map(Trial.from_json, unit.payload["trials"]))
        return Unit(phase, index, trials, unit.payload["payload"], unit.seconds)

    def keep(self, unit: Unit) -> None:
        """Keep a unit whole, in one payload."""
        payload = {"trials": [trial.to_json() for trial in unit.trials], "payload": unit.payload}
        self.ledger.keep(Unit(ASIDE[unit.phase], unit.index, (), payload, unit.seconds))


def best_of_random_search(context: SearchContext, tuned: Tuned) -> Trial | None:
    """Return the best loss of a random search with the same budget, raced alike; None if none is left.

    Args:
        context: The search, after its own race.
        tuned: The standard losses at their best learning rates.
    """
    proposer = Proposer(
        context.proposer.space,
        context.task.settings,
        sampler="random",
        budget=context.plan.trials,
        seed=context.plan.seed,
        sign=context.task.measure.sign,
    )
    context.progress.note("verdict: random_search: the same budget once more, on losses drawn at random")
    aside = replace(context, proposer=proposer, ledger=Aside(context.ledger))
    found = race(aside, tuned, explore(aside, tuned.trials)).searched
    return None if found is None else replace(found, number=FIRST + found.number)
