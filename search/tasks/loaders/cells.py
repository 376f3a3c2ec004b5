"""The cells of a database's columns as numbers, text and dates: decimals, lists, times, periods."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from ....losses.errors import one_line

if TYPE_CHECKING:
    from pandas import DataFrame, Series

LONGEST_LIST = 4096  # numbers in a cell that become columns of their own
_HOLDING = (list, tuple, np.ndarray, dict)  # kinds of cells that hold others
LARGEST = 1e30  # numbers beyond it have squares that no float32 holds: they are no measurements


def with_plain_cells(frame: DataFrame) -> DataFrame:
    """The frame with columns of numbers, text, categories and dates alone, as far as cells have such a form.

    Lists of numbers of one length become a column for each place, `name[0]` and so on.
    """
    import pandas as pd

    found = [made for place in range(frame.shape[1]) for made in _plain(frame.iloc[:, place])]
    return pd.concat(found, axis=1) if found else frame


def cell_text(cell: Any) -> str:
    """Write a cell as Python does, in at most 60 characters; a NumPy number as a plain one."""
    return one_line(repr(cell.item() if isinstance(cell, np.generic) else cell), 60)


def odd_cells(column: Series[Any]) -> str:
    """What the cells are that no model can read, such as "lists of different lengths"; "" for others."""
    first = _first(column)
    if isinstance(first, list | tuple | np.ndarray):
        return "lists that are not all of one length and numbers"
    if isinstance(first, dict | set):
        return "mappings"
    return "bytes" if isinstance(first, bytes | bytearray) else ""


def _plain(column: Series[Any]) -> Iterator[Series[Any]]:
    import pandas as pd

    column = column.rename(str(column.name))
    if isinstance(column.dtype, pd.PeriodDtype):
        yield column.dt.to_timestamp()
    elif column.dtype.kind == "m":
        yield column.dt.total_seconds()
    elif column.dtype == np.float16:
        yield column.astype(np.float32)
    elif isinstance(column.dtype, pd.IntervalDtype) or column.dtype.kind == "c":
        yield column.astype(str)
    elif column.dtype == object:
        yield from _of_objects(column)
    else:
        yield column


def _of_objects(column: Series[Any]) -> Iterator[Series[Any]]:
    first = _first(column)
    if isinstance(first, list | tuple | np.ndarray):
        yield from _of_lists(column)
    elif isinstance(first, dt.time):
        yield _each(column, lambda t: t.hour * 3600 + t.minute * 60 + t.second + t.microsecond / 1e6)
    elif isinstance(first, dt.date):
        yield _each(column, lambda d: d.isoformat(), object)
    elif isinstance(first, Decimal | bool | np.bool_ | int | float) and not _has_text(column):
        yield _each(column, _number)
    else:
        yield column


def _of_lists(column: Series[Any]) -> Iterator[Series[Any]]:
    import pandas as pd

    there = [cell for cell in column if isinstance(cell, list | tuple | np.ndarray)]
    sizes = {len(cell) for cell in there}
    try:
        table = np.asarray([[float(value) for value in cell] for cell in there], np.float64)
    except (TypeError, ValueError):
        sizes = set()
    if len(sizes) != 1 or not 0 < min(sizes) <= LONGEST_LIST:
        yield column
        return
    whole = np.full((len(column), table.shape[1]), np.nan)
    whole[column.notna().to_numpy()] = table
    for place in range(table.shape[1]):
        yield pd.Series(whole[:, place], column.index, name=f"{column.name}[{place}]")


def _each(column: Series[Any], change: Callable[[Any], Any], dtype: Any = np.float64) -> Series[Any]:
    import pandas as pd

    none = None if dtype is object else np.nan
    made = [none if missing else change(cell) for cell, missing in zip(column, column.isna(), strict=True)]
    return pd.Series(made, column.index, dtype=dtype, name=column.name)


def _number(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _first(column: Series[Any]) -> Any:
    """The first cell that holds something, of a column of objects."""
    if column.dtype != object:
        return None
    return next((cell for cell in column if isinstance(cell, _HOLDING) or not _is_gap(cell)), None)


def _is_gap(cell: Any) -> bool:
    return cell is None or cell != cell  # noqa: PLR0124  (NaN and NaT)


def _has_text(column: Series[Any]) -> bool:
    return any(isinstance(cell, str) for cell in column)
