"""What one training with the usual loss showed of a user's function."""

from __future__ import annotations

from dataclasses import dataclass

from ..constants import Constants


@dataclass(frozen=True)
class Rehearsal:
    """What one training with the usual loss showed of a function, before a search was begun.

    Args:
        value: The score that the function returned.
        reports: How often it reported.
        constants: What losses read of its training targets.
        read: The attributes of its trial that it read.
        seconds: How long the training took.
        fit: How many such trainings an accelerator's memory holds; None where none was used.
        changes: What it left changed in its process, such as "the default dtype"; put back after each call.
    """

    value: float
    reports: int
    constants: Constants
    read: frozenset[str]
    seconds: float
    fit: int | None = None
    changes: tuple[str, ...] = ()
