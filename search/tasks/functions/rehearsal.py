"""What one training with the usual loss showed of a user's function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rehearsal:
    """What one training with the usual loss showed of a function, before a search was begun.

    `reports` is how often it reported, `constants` what its training targets looked like, `read` what it
    read of its trial, `seconds` what it took, and `fit` how many such trainings an accelerator's memory
    holds, None where none was used.
    """

    value: float
    reports: int
    constants: Mapping[str, Any]
    read: frozenset[str]
    seconds: float
    fit: int | None = None
