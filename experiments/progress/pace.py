"""How fast a phase goes: what every display shows of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...search.records import decimals
from ..spec import format_duration

READ_BACK_S = 0.2  # what a phase reports within this time was read from the store on resume, not trained


@dataclass
class Pace:
    """How fast a phase goes, in the units of its total.

    Args:
        name: The phase.
        total: How much there is to do; 0 where only time bounds it.
        started_s: When it began, by the display's clock.
        done: How much of it is done.
        best: The best score so far.
    """

    name: str
    total: int
    started_s: float
    done: int = 0
    best: float | None = None
    _from: tuple[float, int] = field(init=False)  # when the training began, and what was done by then

    def __post_init__(self) -> None:
        self._from = (self.started_s, 0)

    def counted(self, number: float) -> str:
        """Write so many of what the phase counts: "1 trial", "1,024 trials", "20 losses".

        Args:
            number: A count, or a count by the second.
        """
        one, more = ("loss", "losses") if self.name in ("verdict", "confirm") else ("trial", "trials")
        shown = f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
        return f"{shown} {one if shown == '1' else more}"

    @property
    def bound(self) -> str:
        """What stands before a total that is not always reached: the race drops contenders on its way."""
        return "at most " if self.name == "race" else ""

    def update(self, done: int, best: float | None, now_s: float) -> None:
        """Note how far the phase is.

        Args:
            done: How much of the total is done.
            best: The best score so far; None where there is none.
            now_s: The time by the display's clock.
        """
        self.done, self.best = done, best
        if now_s - self.started_s < READ_BACK_S:
            self._from = (now_s, done)

    def end(self) -> None:
        """End the phase: its total was a bound, as in the race, which drops contenders on its way."""
        self.total = self.done

    def figures(self, now_s: float) -> tuple[str, str, str, str]:
        """Write count, best score, rate and time left; each is empty where it is not known yet.

        Args:
            now_s: The time by the display's clock.
        """
        since_s, read_back = self._from
        trained, left = self.done - read_back, max(self.total - self.done, 0)
        rate = trained / (now_s - since_s) if trained > 0 and now_s > since_s else 0.0
        return (
            f"{self.done:,}/{self.counted(self.total)}" if self.total else self.counted(self.done),
            "" if self.best is None else f"best {self.best:.{decimals(self.best)}f}",
            f"{self.counted(rate)}/s" if rate else "",
            f"{self.bound}{format_duration(left / rate)} left" if rate and left else "",
        )

    def took(self, now_s: float) -> str:
        """Write how long ago the phase began.

        Args:
            now_s: The time by the display's clock.
        """
        return format_duration(now_s - self.started_s)
