"""What every ledger promises."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from ...losses import standard_spec
from ...spaces.recipe import Recipe
from ..records import Candidate, Ledger, Outcome, Repeat, State, Trial, Unit


class LedgerSuite(ABC):
    """The promises of a ledger, as tests to inherit.

    >>> from lossmith.search.records import MemoryLedger
    >>> class TestMemoryLedger(LedgerSuite):
    ...     def make(self):
    ...         return MemoryLedger()
    """

    @abstractmethod
    def make(self) -> Ledger:
        """Return an empty ledger."""

    def test_what_was_not_kept_is_not_found(self) -> None:
        """A unit is found by its phase and its index together."""
        ledger = self.make()
        assert ledger.find("explore", 0) is None
        ledger.keep(_unit(0))
        assert ledger.find("explore", 1) is None
        assert ledger.find("race", 0) is None

    def test_a_unit_is_found_as_it_was_kept(self) -> None:
        """Every state, reason, score, digit and NaN, the payload and the seconds come back."""
        ledger, kept = self.make(), _unit(0)
        ledger.keep(kept)
        found = ledger.find("explore", 0)
        assert found is not None
        assert [trial.to_json() for trial in found.trials] == [trial.to_json() for trial in kept.trials]
        assert [trial.candidate.key for trial in found.trials] == [t.candidate.key for t in kept.trials]
        assert math.isnan(found.trials[2].outcome.score)
        assert (found.phase, found.index) == ("explore", 0)
        assert (found.payload, found.seconds) == (kept.payload, kept.seconds)

    def test_a_unit_without_trials_or_payload_is_a_unit(self) -> None:
        """Nothing is not the same as not kept."""
        ledger = self.make()
        ledger.keep(Unit("race", 3))
        assert ledger.find("race", 3) == Unit("race", 3)

    def test_a_unit_is_kept_once(self) -> None:
        """A second unit at one address is refused, and the first stays as it is."""
        ledger, first = self.make(), Unit("race", 0, payload={"scores": {"1": [0.5]}})
        ledger.keep(first)
        try:
            ledger.keep(Unit("race", 0, payload={"scores": {}}))
        except Exception:  # noqa: BLE001, S110  (each ledger has an error of its own)
            pass
        else:
            raise AssertionError("a second unit at one address must be refused")
        assert ledger.find("race", 0) == first


def _unit(index: int) -> Unit:
    states: tuple[State, ...] = ("complete", "pruned", "diverged", "rejected")
    scores = {"diverged": (math.nan, 0.1 / 3), "rejected": (math.nan, math.nan)}
    trials = tuple(
        Trial(
            number,
            "explore",
            index,
            Candidate(
                standard_spec("focal", "multiclass"),
                Recipe(learning_rate=1e-3 * (number + 1)),
                "focal" if number else None,
                {"recipe.learning_rate": 1e-3 / 3},
            ),
            (Repeat(0), Repeat(1, 2, 3)),
            Outcome(
                state,
                scores.get(state, (0.1, 2 / 3)),
                number,
                ((1, 0.05),) if number < 2 else (),
                None if number < 2 else "nan by epoch 2, seed 0, fold 0",
            ),
        )
        for number, state in enumerate(states)
    )
    return Unit("explore", index, trials, {"asked": 4, "sampler": "random", "nested": [1.5, None]}, 0.25)
