"""A ledger that keeps text, and can be interrupted."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ..records import Phase, Trial, Unit, UnitAddress


@dataclass
class JsonLedger:
    """A ledger that keeps text, as a store does: what is read back went through JSON.

    Attributes:
        after: How many units are kept before Ctrl-C comes in place of the next.
        texts: The units as text, by their addresses.
    """

    after: int = 10**9
    texts: dict[UnitAddress, str] = field(default_factory=dict)

    def find(self, phase: Phase, index: int) -> Unit | None:
        """Return the unit, made from its text."""
        text = self.texts.get((phase, index))
        if text is None:
            return None
        trials, payload, seconds = json.loads(text)
        return Unit(phase, index, tuple(map(Trial.from_json, trials)), payload, seconds)

    def keep(self, unit: Unit) -> None:
        """Keep the unit's text; NaN and infinity, which JSON does not know, fail.

        Raises:
            KeyboardInterrupt: `after` units are kept.
        """
        if len(self.texts) >= self.after:
            raise KeyboardInterrupt
        assert (unit.phase, unit.index) not in self.texts, "a unit is trained once"
        content = [[trial.to_json() for trial in unit.trials], unit.payload, unit.seconds]
        self.texts[unit.phase, unit.index] = json.dumps(content, allow_nan=False)
