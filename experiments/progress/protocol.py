"""What a running search calls to say how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a running search calls. Every method returns at once; none of them raises."""

    def phase(self, name: str, total: int) -> None:
        """A phase begins; it will train `total` trials or contenders, or as many as time allows (0)."""

    def advance(self, done: int, best: float | None) -> None:
        """`done` of the phase's total are trained; `best` is the best score so far, if there is one."""

    def note(self, message: str) -> None:
        """One line that the user should read."""

    def close(self) -> None:
        """The search has ended, well or not. Closing twice is fine."""


class SilentProgress:
    """Says nothing."""

    def phase(self, name: str, total: int) -> None:
        """Nothing."""

    def advance(self, done: int, best: float | None) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
