"""The columns of a table as inputs of a model: numbers, categories and dates, missing values and all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ....losses.errors import UserError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Role = Literal["number", "category", "date", "left out"]
MOST_CATEGORIES = 50  # of a column; rarer ones share a place
ALMOST_ALL_NUMBERS = 0.95
FAR = 8.0  # standard deviations; what lies beyond is brought there
ROWS_TO_JUDGE = 20  # in fewer, numbers in steps of one or texts that all differ may be a coincidence


@dataclass(frozen=True)
class Column:
    """What becomes of a column, and `why` where that is not plain."""

    name: str
    role: Role
    why: str = ""


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
    """What becomes of missing values, in a line, where the columns that are learnt from have any."""
    counts = {c.name: int(frame[c.name].isna().sum()) for c in columns if c.role != "left out"}
    found = sorted((name for name, count in counts.items() if count), key=lambda name: -counts[name])
    if not found:
        return []
    shown = [f"{name} {counts[name]:,}" for name in found[:most]] + ["..."] * (len(found) > most)
    told = f"{len(found)} column{'s' * (len(found) > 1)} ({', '.join(shown)})"
    return [f"missing values in {told}: filled with the median and marked, or a category more"]


class Features:
    """Columns turned into inputs (N, F), everything that is learnt being learnt from the training part."""

    def __init__(self, train: DataFrame, columns: Sequence[Column]) -> None:
        """Fits the preprocessing to `train`. Raises `UserError` where no column is left."""
        from sklearn.compose import ColumnTransformer

        by_role = {
            role: [c.name for c in columns if c.role == role] for role in ("number", "date", "category")
        }
        if not any(by_role.values()):
            raise UserError(
                "a table must have a column to learn from besides its target, but "
                f"{', '.join(f'{c.name} is left out ({c.why})' for c in columns) or 'it has none'}"
            )
        self._roles = {column.name: column.role for column in columns}
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
        for name, role in self._roles.items():
            if role == "number":
                found[name] = _as_numbers(frame[name])
            elif role == "category":
                found[name] = frame[name].astype(object).where(frame[name].notna(), "(missing)").astype(str)
            elif role == "date":
                found |= {f"{name} {part}": values for part, values in _date_parts(frame[name]).items()}
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


def _date_parts(column: Series[Any]) -> dict[str, Any]:
    """Days since 1970, and what recurs: month, weekday and hour; NaN where there is no date."""
    import pandas as pd

    dates = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
    seconds = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    parts = (seconds / 86_400, dates.dt.month, dates.dt.day_of_week, dates.dt.hour)
    return {name: values.astype("float64") for name, values in zip(DATE_PARTS, parts, strict=True)}


def _as_numbers(column: Series[Any]) -> Series[Any]:
    """The column in double precision, NaN for what is missing, infinite or no number."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    return numbers.where(np.isfinite(numbers))


def _role(column: Series[Any]) -> Column:
    from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

    name, there = str(column.name), column.dropna()
    distinct = there.nunique()
    if distinct == 0:
        return Column(name, "left out", "empty")
    if distinct == 1 and len(there) == len(column):
        return Column(name, "left out", "constant")
    if is_datetime64_any_dtype(column):
        return Column(name, "date", "a date: day, month, weekday and hour")
    if is_bool_dtype(column):
        return Column(name, "number")
    if is_numeric_dtype(column):
        return (
            Column(name, "left out", "numbers the rows") if _numbers_rows(column) else Column(name, "number")
        )
    return _text_role(name, there.astype(str), distinct)


def _text_role(name: str, there: Series[Any], distinct: int) -> Column:
    import pandas as pd

    numbers = pd.to_numeric(there, errors="coerce")
    if (share := float(numbers.notna().mean())) >= ALMOST_ALL_NUMBERS:
        odd = there[numbers.isna()]
        why = f"{len(odd)} values that are no numbers, such as {odd.iloc[0]!r}, taken as missing"
        return Column(name, "number", why if share < 1 else "")
    if pd.to_datetime(there.head(200), errors="coerce", format="ISO8601").notna().all():
        return Column(name, "date", "a date: day, month, weekday and hour")
    if distinct > len(there) / 2 and len(there) >= ROWS_TO_JUDGE:
        return Column(name, "left out", f"{distinct:,} different texts in {len(there):,} rows")
    rare = f"{distinct} categories, of which the rare ones share a place"
    return Column(name, "category", rare if distinct > MOST_CATEGORIES else "")


def _numbers_rows(column: Series[Any]) -> bool:
    """Whether these are the numbers of the rows: whole, in steps of one, as a saved index has them."""
    if len(column) < ROWS_TO_JUDGE or column.isna().any():
        return False
    values = column.to_numpy(np.float64)
    return bool((np.diff(np.sort(values)) == 1).all())
