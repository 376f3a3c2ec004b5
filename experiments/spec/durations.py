"""Spans of time as people write and read them: 90s, 10m, 1h30m."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from ...losses import UserError
from ...search.records import PHASES

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


def parse_duration(value: object) -> float:
    """Read a span of time, in seconds.

    Args:
        value: "90s", "10m", "1h30m" or a number of seconds, above 0. The units are d, h, m and s, each at
            most once and in this order.

    Raises:
        UserError: It is anything else.
    """
    seconds = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str):
        text = value.replace(" ", "").lower()
        found = _SPAN.fullmatch(text)
        if found and text:
            seconds = sum(
                float(part) * unit for part, unit in zip(found.groups("0"), _UNITS.values(), strict=True)
            )
        elif re.fullmatch(r"\d+(\.\d+)?", text):
            seconds = float(text)
    if not 0 < seconds < math.inf:
        raise UserError(f"a time must be above 0 and written as 90s, 10m or 1h30m, but got {value!r}")
    return seconds


def format_duration(seconds: float) -> str:
    """Write a span in at most two units, rounded: "0.4s", "12s", "1m 30s", "2h 5m", "3d 4h".

    Args:
        seconds: At least 0.
    """
    if not math.isfinite(seconds):
        return "?"
    if seconds < 9.95:  # below ten seconds a tenth is worth reading
        return f"{seconds:.1f}s" if seconds else "0s"
    whole = round(seconds)
    for (large, size), (small, part) in zip(list(_UNITS.items())[:-1], list(_UNITS.items())[1:], strict=True):
        if whole >= size:
            # Rounded to the smaller unit first, so that 59m 59s and a half cannot read "59m 60s".
            count, rest = divmod(round(whole / part), round(size / part))
            return f"{count}{large} {rest}{small}" if rest else f"{count}{large}"
    return f"{whole}s"


def by_phase(seconds: Mapping[str, float]) -> list[str]:
    """Write the wall-clock of each phase, such as "race 12s", in the order of the phases.

    Args:
        seconds: By phase; other keys are left out.
    """
    return [f"{phase} {format_duration(seconds[phase])}" for phase in PHASES if phase in seconds]
