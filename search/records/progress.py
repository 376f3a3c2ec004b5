"""How a search tells what it does while it runs: one protocol for everything that shows or hides it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a running search calls. Every method returns at once; none of them raises."""

    def phase(self, name: str, total: int) -> None:
        """Begin a phase.

        Args:
            name: The phase, one of `PHASES`.
            total: Trials or contenders that the phase will train; 0 where the time limit decides.
        """

    def advance(self, done: int, best: float | None) -> None:
        """Report how far the phase is.

        Args:
            done: How many of the phase's total are trained.
            best: The best score so far, in the metric's units; None before there is one.
        """

    def note(self, message: str) -> None:
        """Show one line that the user should read."""

    def close(self) -> None:
        """End the display: the search has ended, well or not. Closing twice is fine."""


class SilentProgress:
    """A progress that shows nothing."""

    def phase(self, name: str, total: int) -> None:
        """Show nothing."""

    def advance(self, done: int, best: float | None) -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Show nothing."""
