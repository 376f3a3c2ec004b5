"""Which engine trains the models of a search, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineChoice:
    """An engine, how wide its programs are, and why.

    Args:
        engine: The engine's name.
        width: How many members one program holds.
        why: The reason, in one line.
        members_per_second: How many members one core takes a step further in a second; None if not measured.
        stackable: Whether an engine that stacks can train the model.
    """

    engine: str
    width: int
    why: str
    members_per_second: float | None = None
    stackable: bool = True

    def __str__(self) -> str:
        width = f", {self.width} trainings to a program" if self.width > 1 else ""
        rate = self.members_per_second
        speed = "" if rate is None else f", {rate:,.0f} model steps a second on each core"
        return f"{self.engine}{width}{speed} ({self.why})"
