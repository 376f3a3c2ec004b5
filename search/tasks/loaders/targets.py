"""What a column of targets says: the kind of the problem, and its targets as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ....losses import Kind
from ....losses.declarations import KINDS
from ....losses.errors import UserError, unknown

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MOST_WHOLE_CLASSES = 20  # more different whole numbers than this are amounts
LEAST_ROWS = 5  # of a class: one for the test part, and one for each of four folds


@dataclass(frozen=True)
class Targets:
    """How a column of targets is read: `labels` are the names of the classes, in the order of their numbers.

    `columns` are the names of the targets: one, or the labels of a multilabel problem. `why` says in
    words what the kind was taken from.
    """

    columns: tuple[str, ...]
    kind: Kind
    labels: tuple[Any, ...] = ()
    why: str = ""

    def encode(self, frame: DataFrame, place: str) -> Any:
        """The targets of a frame as numbers, (N,) or (N, D); raises `UserError` for unknown labels."""
        if not self.labels:
            found = frame[list(self.columns)].to_numpy(np.float32)
            return found[:, 0] if len(self.columns) == 1 else found
        number = {label: index for index, label in enumerate(self.labels)}
        column = _plain(frame[self.columns[0]])
        unseen = [value for value in column if value not in number]
        if unseen:
            raise UserError(
                f"{place}: every label must be one of the training part's, {_some(self.labels)}, but "
                f"{self.columns[0]} holds {unseen[0]!r}"
            )
        return np.asarray([number[value] for value in column], np.int64)

    def to_json(self) -> dict[str, Any]:
        """What the task's description keeps: which class is which number."""
        return {
            "target": self.columns[0] if len(self.columns) == 1 else list(self.columns),
            **({"classes": [str(label) for label in self.labels]} if self.labels else {}),
        }


def read_targets(frame: DataFrame, columns: Sequence[str], place: str, kind: str | None = None) -> Targets:
    """The targets in these columns of a frame, their kind inferred where it is None.

    Raises `UserError` for missing values, a constant target, a kind the values do not suit, and a class
    with fewer than five rows.
    """
    if kind is not None and kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    for name in columns:
        _check_whole(frame[name], f"{place}: target {name}")
    if len(columns) > 1:
        return _several(frame, columns, place, kind)
    name = columns[0]
    column = _plain(frame[name])
    values = sorted(set(column), key=lambda value: (isinstance(value, str), value))
    numbers = not any(isinstance(value, str) for value in values)
    inferred, why = _kind_of(values, len(column), numbers=numbers)
    chosen = kind or inferred
    if chosen == "regression":
        if not numbers:
            text = next(value for value in values if isinstance(value, str))
            raise UserError(f"{place}: a regression target must hold numbers, but {name} holds {text!r}")
        return Targets((name,), "regression", (), why if kind is None else "as asked")
    if chosen == "multilabel":
        raise UserError(f"{place}: a multilabel task must have several target columns, but got {name} alone")
    if chosen == "binary" and len(values) != 2:
        raise UserError(
            f"{place}: a binary target must have two values, but {name} has {len(values)}: {_some(values)}"
        )
    _check_classes(column, values, f"{place}: target {name}")
    return Targets((name,), chosen, tuple(values), why if kind is None else "as asked")


def _kind_of(values: Sequence[Any], rows: int, *, numbers: bool) -> tuple[Kind, str]:
    if len(values) == 2:
        return "binary", f"two values ({_some(values)})"
    if not numbers:
        return "multiclass", f"{len(values)} labels ({_some(values)})"
    whole = all(float(value).is_integer() for value in values)
    if whole and len(values) <= MOST_WHOLE_CLASSES and rows >= LEAST_ROWS * len(values):
        return "multiclass", f"{len(values)} different whole numbers ({_some(values)})"
    return "regression", f"numbers from {values[0]:g} to {values[-1]:g}"


def _several(frame: DataFrame, columns: Sequence[str], place: str, kind: str | None) -> Targets:
    """Several columns: labels that are zeros and ones, or several numbers to predict."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    for name in columns:
        if not is_numeric_dtype(frame[name]):
            value = frame[name].iloc[0]
            raise UserError(f"{place}: several targets must be numbers, but {name} holds {value!r}")
    marks = all(is_bool_dtype(frame[name]) or set(frame[name].unique()) <= {0, 1} for name in columns)
    chosen = kind or ("multilabel" if marks else "regression")
    if chosen not in ("multilabel", "regression"):
        raise UserError(f"{place}: a {chosen} task must have one target column, but got {len(columns)}")
    if chosen == "multilabel" and not marks:
        name = next(name for name in columns if not set(frame[name].unique()) <= {0, 1})
        raise UserError(f"{place}: multilabel targets must be 0 or 1, but {name} holds other numbers")
    why = f"{len(columns)} columns of zeros and ones" if marks else f"{len(columns)} columns of numbers"
    return Targets(tuple(columns), chosen, (), why if kind is None else "as asked")


def _check_whole(column: Series[Any], what: str) -> None:
    missing = column.isna()
    if missing.any():
        raise UserError(
            f"{what} must have a value in every row, but {int(missing.sum()):,} of {len(column):,} have "
            f"none, the first in row {int(missing.to_numpy().argmax()) + 1}; drop those rows"
        )
    if column.nunique() < 2:
        raise UserError(f"{what} must vary, but every row holds {column.iloc[0]!r}; name another column")


def _check_classes(column: Sequence[Any], values: Sequence[Any], what: str) -> None:
    counts = dict.fromkeys(values, 0)
    for value in column:
        counts[value] += 1
    rare = {value: count for value, count in counts.items() if count < LEAST_ROWS}
    if not rare:
        return
    value = min(rare, key=lambda found: (rare[found], str(found)))
    more = f", and {len(rare) - 1} other classes too few" if len(rare) > 1 else ""
    remedy = (
        "say kind: regression, or merge classes"
        if len(rare) > 5 and not isinstance(value, str)
        else "merge it with another class or drop its rows"
    )
    raise UserError(
        f"{what} must have at least {LEAST_ROWS} rows of each class, but {value!r} has "
        f"{rare[value]}{more}; {remedy}"
    )


def _plain(column: Series[Any]) -> list[Any]:
    """The values as Python's own: numbers, or text where one of them is none; text without outer blanks."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_bool_dtype(column):
        return [bool(value) for value in column]
    if is_numeric_dtype(column):
        return [int(value) if float(value).is_integer() else float(value) for value in column]
    return [str(value).strip() for value in column]


def _some(values: Sequence[Any], most: int = 4) -> str:
    shown = [str(value) for value in values]
    return ", ".join(shown if len(shown) <= most else [*shown[: most - 1], "...", shown[-1]])
