"""Spans of time, as they are written in a SPEC and shown on a screen."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith.experiments.spec import format_duration, parse_duration
from lossmith.losses import UserError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("2d", 172800),
        ("1h 30m", 5400),
        ("45", 45),
        (12.5, 12.5),
    ],
)
def test_a_time_is_read_in_seconds(text: object, seconds: float) -> None:
    """d, h, m and s add up, and a plain number is seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value", ["", "0s", "0", 0, -1, "-5m", "10 minutes", "1m1h", "5mm", True, None, [], math.nan, math.inf]
)
def test_what_is_no_time_is_refused_in_one_line(value: object) -> None:
    """The error names the rule, the value and how a time is written."""
    with pytest.raises(UserError, match="above 0 and written as 90s, 10m or 1h30m, but got") as caught:
        parse_duration(value)
    assert repr(value) in str(caught.value)


@given(st.floats(0, 1e9))
def test_a_time_is_shown_to_within_its_smaller_unit(seconds: float) -> None:
    """What is shown, read back, is off by half of the smaller unit at most, and never reads 60s or 60m."""
    text = format_duration(seconds)
    assert "60s" not in text
    assert "60m" not in text
    assert "24h" not in text
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    large = units[text.split()[0][-1]]
    # Of "2h 5m" the smaller unit is the minute, and "2h" alone has been rounded to minutes too.
    step = {1: 1.0 if seconds >= 9.95 else 0.1, 60: 1.0, 3600: 60.0, 86400: 3600.0}[large]
    read = 0.0 if text in ("0s", "0.0s") else parse_duration(text)
    assert abs(read - seconds) <= step / 2 + 1e-6
