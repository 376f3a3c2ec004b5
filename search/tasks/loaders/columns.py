"""The columns of a table as inputs of a model: numbers, categories and dates, missing values and all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ....losses.errors import UserError
from . import written
from .cells import LARGEST, odd_cells
from .written import ISO

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Role = Literal["number", "category", "date", "left out"]
MOST_CATEGORIES = 50  # of a column; rarer ones share a place
LONG_NUMBER = 16  # digits from which on a double no longer tells two numbers apart
FAR = 8.0  # standard deviations; what lies beyond is brought there
ROWS_TO_JUDGE = 20  # in fewer, numbers in steps of one or texts that all differ may be a coincidence


@dataclass(frozen=True)
class Column:
    """What becomes of a column.

    Attributes:
        name: The column's name.
        role: What it is read as.
        why: What a user should know of that, where it is not plain.
        form: How numbers or dates are written, where they are text.
    """

    name: str
    role: Role
    why: str = ""
    form: str = ""


def roles(frame: DataFrame) -> list[Column]:
    """What each column of a table is."""
    return [_role(frame[name]) for name in frame.columns]


def lines(columns: Sequence[Column]) -> list[str]:
    """What a user should know of them: how many of each there are, and those that are left out."""
    counts = Counter(column.role for column in columns)
    plural: dict[Role, str] = {"number": "numbers", "category": "categories", "date": "dates"}
    kinds = [f"{n} {role if n == 1 else plural[role]}" for role in plural if (n := counts[role])]
    told = [f"{column.name} ({column.why})" for column in columns if column.why]
    return [", ".join(kinds), *([f"columns: {', '.join(told)}"] if told else [])]


def gaps(frame: DataFrame, columns: Sequence[Column], most: int = 3) -> list[str]:
    """What becomes of missing values, in a line, where the columns that are learnt from have any.

    Args:
        frame: The rows.
        columns: What becomes of each column.
        most: How many columns are named, at most.
    """
    counts = {c.name: int(frame[c.name].isna().sum()) for c in columns if c.role != "left out"}
    found = sorted((name for name, count in counts.items() if count), key=lambda name: -counts[name])
    if not found:
        return []
    shown = [f"{name} {counts[name]:,}" for name in found[:most]] + ["..."] * (len(found) > most)
    told = f"{len(found)} column{'s' * (len(found) > 1)} ({', '.join(shown)})"
    return [f"missing values in {told}: filled with the median and marked, or a category more"]


class Features:
    """Columns turned into inputs (N, F), everything that is learnt being learnt from the training part.

    Args:
        train: The training rows.
        columns: What becomes of each column.
    """

    def __init__(self, train: DataFrame, columns: Sequence[Column]) -> None:
        """Fit the preprocessing.

        Args:
            train: The training rows.
            columns: What becomes of each column.

        Raises:
            UserError: No column is left to learn from.
        """
        from sklearn.compose import ColumnTransformer

        by_role = {
            role: [c.name for c in columns if c.role == role] for role in ("number", "date", "category")
        }
        if not any(by_role.values()):
            raise UserError(
                "a table must have a column to learn from besides its target, but "
                f"{', '.join(f'{c.name} is left out ({c.why})' for c in columns) or 'it has none'}"
            )
        self._columns = columns
        self._pipeline: Any = ColumnTransformer(
            [
                ("number", _numbers(), by_role["number"]),
                ("date", _numbers(), [f"{n} {part}" for n in by_role["date"] for part in DATE_PARTS]),
                ("category", _categories(), by_role["category"]),
            ],
            sparse_threshold=0,
        )
        self._pipeline.fit(self._prepared(train))

    def __call__(self, frame: DataFrame) -> Any:
        """The inputs of a frame with the same columns, float32 (N, F)."""
        return np.ascontiguousarray(self._pipeline.transform(self._prepared(frame)), dtype=np.float32)

    def _prepared(self, frame: DataFrame) -> DataFrame:
        import pandas as pd

        found: dict[str, Any] = {}
        for column in self._columns:
            name, values = column.name, frame[column.name]
            if column.role == "number":
                found[name] = _as_numbers(values, column.form)
            elif column.role == "category":
                found[name] = values.astype(object).where(values.notna(), "(missing)").astype(str)
            elif column.role == "date":
                parts = _date_parts(values, column.form or ISO)
                found |= {f"{name} {part}": numbers for part, numbers in parts.items()}
        return pd.DataFrame(found, index=frame.index)


def _numbers() -> Any:
    """Missing values filled with the median, and marked; standardised; outliers brought near."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    return make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        FunctionTransformer(np.clip, kw_args={"a_min": -FAR, "a_max": FAR}),
    )


def _categories() -> Any:
    """One place for each category, and one that the rare and the unknown share."""
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False
    )


DATE_PARTS = ("day", "month", "weekday", "hour")
PARTS = ": day, month, weekday and hour"


def _date_parts(column: Series[Any], form: str) -> dict[str, Any]:
    """Days since 1970, and what recurs: month, weekday and hour; NaN where there is no date."""
    read = written.dates(column, form)
    # Not by a difference: pandas counts those in nanoseconds, which reach from 1678 to 2262.
    passed = read.dt.tz_localize(None).dt.as_unit("us").astype("int64").where(read.notna())
    parts = (passed / 86_400e6, read.dt.month, read.dt.day_of_week, read.dt.hour)
    return {name: values.astype("float64") for name, values in zip(DATE_PARTS, parts, strict=True)}


def _as_numbers(column: Series[Any], form: str) -> Series[Any]:
    """The column in double precision, NaN for what is missing, too large to be measured, or no number."""
    found = written.numbers(column, form)
    return found.where(found.abs() <= LARGEST)


def _role(column: Series[Any]) -> Column:
    from pandas import CategoricalDtype
    from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

    name, there = str(column.name), column.dropna()
    if useless := odd_cells(there) or _says_nothing(column, there):
        return Column(name, "left out", useless)
    if is_datetime64_any_dtype(column):
        return Column(name, "date", f"a date{PARTS}")
    if isinstance(column.dtype, CategoricalDtype):
        return _category(name, there.astype(str))
    if is_bool_dtype(column) or is_numeric_dtype(column):
        return Column(name, "number")
    return _text_role(name, there.astype(str).str.strip())


def _says_nothing(column: Series[Any], there: Series[Any]) -> str:
    """Why nothing can be learnt from a column; "" where something may be."""
    distinct = there.nunique()
    if distinct == 0:
        return "empty"
    if distinct == 1 and len(there) == len(column):
        return "constant"
    return "numbers the rows" if column.dtype.kind in "iuf" and _numbers_rows(column) else ""


def _text_role(name: str, there: Series[Any]) -> Column:
    form = None if _are_codes(there) else written.number_form(there)
    if form is not None:
        odd = there[written.numbers(there, form).isna()]
        why = f"numbers written {form}" if form else ""
        if len(odd):
            missing = f"{len(odd)} values that are no numbers, such as {odd.iloc[0]!r}, taken as missing"
            why = f"{why}; {missing}" if why else missing
        return Column(name, "number", why, form)
    if (form := written.date_form(there)) is not None:
        how = "" if form == ISO else f" written {written.readable(form)}"
        return Column(name, "date", f"a date{how}{PARTS}", form)
    return _category(name, there)


def _category(name: str, there: Series[Any]) -> Column:
    distinct = there.nunique()
    if distinct > len(there) / 2 and len(there) >= ROWS_TO_JUDGE:
        return Column(name, "left out", f"{distinct:,} different texts in {len(there):,} rows")
    rare = f"{distinct} categories, of which the rare ones share a place"
    share = written.share_of_numbers(there)
    some = f"{share:.0%} of them numbers, taken as categories" if share else ""
    why = "; ".join(said for said in (rare if distinct > MOST_CATEGORIES else "", some) if said)
    return Column(name, "category", why)


def _are_codes(there: Series[Any]) -> bool:
    """Whether whole numbers are names: with leading zeros, as of zip codes, or longer than numbers get."""
    digits = there[there.str.fullmatch(r"\d+")]
    return len(digits) > len(there) / 2 and bool(
        (digits.str.match(r"0\d") | (digits.str.len() >= LONG_NUMBER)).any()
    )


def _numbers_rows(column: Series[Any]) -> bool:
    """Whether these are the numbers of the rows: whole, in steps of one, as a saved index has them."""
    if len(column) < ROWS_TO_JUDGE or column.isna().any():
        return False
    values = column.to_numpy(np.float64)
    return bool(np.isfinite(values).all() and (np.diff(np.sort(values)) == 1).all())
