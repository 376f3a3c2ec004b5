"""Numbers and dates as people write them: currencies, thousands, both orders of day and month."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pandas import Series

ALMOST_ALL = 0.95  # of the values that must be numbers; the others are taken as missing
MARKS = {"": ".", "1,234.5": ".", "1.234,5": ","}  # how numbers are written, and their decimal mark
_CURRENCY = re.compile(r"^[-+(]?\s*(?:[$€£¥₹]|USD|EUR|GBP|CHF)?\s*|\s*(?:[$€£¥₹%]|USD|EUR|GBP|CHF)?\s*\)?$")
_WRITTEN = {
    "1,234.5": re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d*\.?\d+|\d+\."),
    "1.234,5": re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d*)?|\d*,?\d+|\d+,"),
}
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y")
_MONTHS = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y")
_HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
ISO = "ISO8601"
LOOKED_AT = 500  # values that a form is tried on first


def number_form(text: Series[Any]) -> str | None:
    """How almost all of the texts write numbers, a key of `MARKS`; None where they are none."""
    some = text.head(LOOKED_AT)
    return next(
        (
            form
            for form in MARKS
            if numbers(some, form).notna().mean() > 0.5 and numbers(text, form).notna().mean() >= ALMOST_ALL
        ),
        None,
    )


def share_of_numbers(text: Series[Any]) -> float:
    """The share of numbers among the first texts, however they are written."""
    some = text.head(LOOKED_AT)
    return max(float(numbers(some, form).notna().mean()) for form in MARKS)


def numbers(text: Series[Any], form: str) -> Series[Any]:
    """The numbers that texts write in a form, NaN for others.

    Args:
        text: The texts.
        form: The form of the numbers, one of `MARKS`; empty for numbers as Python writes them.
    """
    import pandas as pd

    if not form:
        return pd.to_numeric(text, errors="coerce").astype("float64")
    return pd.Series([_number(str(value), form) for value in text], text.index, dtype="float64")


def date_form(text: Series[Any]) -> str | None:
    """The form of the dates, of which every text is one; None where some are none."""
    some = text.head(LOOKED_AT)
    if dates(some, ISO).notna().all() and some.str.contains(r"\d{4}-\d", regex=True).all():
        return ISO
    forms = (f"{day}{hour}" for day, hour in itertools.product((*_DAYS, *_MONTHS), _HOURS))
    return next((f for f in forms if dates(some, f).notna().all() and dates(text, f).notna().all()), None)


def dates(text: Series[Any], form: str) -> Series[Any]:
    """The dates that texts write in a form, in UTC; NaT for others.

    Args:
        text: The texts.
        form: The form of the dates, as `strptime` takes it.
    """
    import pandas as pd

    return pd.to_datetime(text, errors="coerce", format=form, utc=True)


def readable(form: str) -> str:
    """A form of dates as people write it, as in "dd/mm/yyyy"."""
    words = {"%d": "dd", "%m": "mm", "%Y": "yyyy", "%y": "yy", "%b": "Mon", "%B": "Month"}
    day = re.split(r" %[HI]", form)[0]
    return re.sub(r"%\w", lambda found: words[found[0]], day)


def _number(text: str, form: str) -> float:
    stripped = text.strip()
    bare = re.sub(r"(?<=\d)[\s'\u00a0\u202f](?=\d)", "", _CURRENCY.sub("", stripped).strip())
    if not _WRITTEN[form].fullmatch(bare):
        return np.nan
    mark = MARKS[form]
    value = float(bare.replace("," if mark == "." else ".", "").replace(mark, "."))
    return -value if stripped.startswith(("-", "(")) or "$-" in stripped else value
