"""A progress that remembers what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class RecordedProgress:
    """A progress that remembers what it was told.

    Attributes:
        phases: The name and the total of each phase that began.
        done: What was trained, and the best score, at each advance.
        notes: The lines for the user.
        closed: Whether the search has ended.
    """

    phases: list[tuple[str, int]] = field(default_factory=list)
    done: list[tuple[int, float | None]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    closed: bool = False

    def phase(self, name: str, total: int) -> None:
        """Remember the phase."""
        self.phases.append((name, total))

    def advance(self, done: int, best: float | None) -> None:
        """Remember the advance."""
        self.done.append((done, best))

    def note(self, message: str) -> None:
        """Remember the line."""
        self.notes.append(message)

    def close(self) -> None:
        """Remember the end."""
        self.closed = True
