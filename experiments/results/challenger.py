"""The best searched loss in a verdict that a standard loss won."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def challenger_row(verdict: Mapping[str, Any]) -> dict[str, Any] | None:
    """How far the winner leads the best searched loss, as `against` has it of standard ones, or None.

    Its own entry compares it with the winner; here the winner comes first.
    """
    challenger = verdict.get("challenger")
    if challenger is None or verdict["winner"]["standard"] is None:
        return None
    return {
        **challenger,
        "difference": -challenger["difference"],
        "ci_low": -challenger["ci_high"],
        "ci_high": -challenger["ci_low"],
    }
