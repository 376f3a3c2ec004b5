"""What a column of targets says: the kind of the problem, and its targets as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ....losses import Kind
from ....losses.declarations import KINDS
from ....losses.errors import UserError, unknown
from ..labels import Numbering, numbered, some
from . import written
from .cells import LARGEST, cell_text, odd_cells
from .table import MISSING

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MARKS = {0, 1, -1}  # of labels; -1 where nobody looked
WORDS = (*MISSING, "None")  # for a missing value in a column of numbers; classes may be called so
MOST_WHOLE_CLASSES = 20  # more different whole numbers than this are amounts
LEAST_ROWS = 5  # of a class: one for the test part, and one for each of four folds


@dataclass(frozen=True)
class Targets:
    """How the columns of targets are read.

    Attributes:
        columns: The names of the targets: one, or the labels of a multilabel problem.
        kind: The kind of problem.
        numbering: Which label is which class index; None for numbers.
        why: What the kind was taken from, in words.
    """

    columns: tuple[str, ...]
    kind: Kind
    numbering: Numbering | None = None
    why: str = ""

    @property
    def labels(self) -> tuple[Any, ...]:
        """The names of the classes, in the order of their indices."""
        return () if self.numbering is None else self.numbering.labels

    def encode(self, frame: DataFrame, place: str) -> Any:
        """The targets of a frame as numbers, (N,) or (N, D).

        Args:
            frame: The rows.
            place: Where they come from, for the error.

        Raises:
            UserError: A label is unknown, or a number is missing or not finite.
        """
        if self.numbering is not None:
            return self.numbering.encode(place, _plain(frame[self.columns[0]]), self.columns[0])
        for name in self.columns:
            what = f"{place}: target {name}"
            _check_whole(frame[name], what, are_numbers=True, gaps=len(self.columns) > 1)
        found = frame[list(self.columns)].to_numpy(np.float64)
        return found[:, 0] if len(self.columns) == 1 else found

    def to_json(self) -> dict[str, Any]:
        """What the task's description keeps: which class is which number."""
        return {
            "target": self.columns[0] if len(self.columns) == 1 else list(self.columns),
            **({"classes": list(self.numbering.names)} if self.numbering else {}),
        }


def read_targets(
    frame: DataFrame, columns: Sequence[str], place: str, kind: str | None = None, positive: Any = None
) -> Targets:
    """How the targets in some columns of a frame are read.

    Args:
        frame: The rows.
        columns: The names of the targets.
        place: The file's name, for errors.
        kind: The kind of problem; None to infer it.
        positive: For binary, the value that counts as positive; None for the rarer.

    Raises:
        UserError: Values are missing, all equal, do not suit the kind, or a class has fewer than five rows.
    """
    if kind is not None and kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    for name in columns:
        _check_whole(frame[name], f"{place}: target {name}", gaps=len(columns) > 1)
        _check_varies(frame[name], f"{place}: target {name}")
    if len(columns) > 1:
        return _several(frame, columns, place, kind)
    name = columns[0]
    column = _plain(frame[name])
    values = sorted(set(column), key=lambda value: (isinstance(value, str), value))
    are_numbers = not any(isinstance(value, str) for value in values)
    inferred, why = _kind_of(values, len(column), numbers=are_numbers)
    chosen, why = (kind, "as asked") if kind else (inferred, why)
    if positive is not None and chosen != "binary":
        raise UserError(f"{place}: positive must be left out for {chosen}, but got {positive!r}")
    if chosen == "regression":
        if not are_numbers:
            text = next(value for value in values if isinstance(value, str))
            raise UserError(
                f"{place}: a regression target must hold numbers, but {name} holds {cell_text(text)}"
            )
        return Targets((name,), "regression", None, why)
    if chosen == "multilabel":
        raise UserError(f"{place}: a multilabel task must have several target columns, but got {name} alone")
    if chosen == "binary" and len(values) != 2:
        raise UserError(
            f"{place}: a binary target must have two values, but {name} has {len(values)}: {some(values)}"
        )
    _check_classes(column, values, f"{place}: target {name}")
    numbering = numbered(chosen, column, f"{place}: target {name}", positive=positive)
    words = [str(value) for value in values if str(value) in WORDS]
    more = f"; {', '.join(words)} is taken for a class" if words else ""
    return Targets((name,), chosen, numbering, why + more)


def with_gaps(frame: DataFrame, columns: Sequence[str]) -> DataFrame:
    """Read targets that are numbers as numbers, and find what is missing in targets.

    In numbers, words such as NA are missing; in text, what is blank. Numbers written as $1,234.50 are numbers
    where there are more of them than classes.

    Args:
        frame: The rows.
        columns: The names of the targets.
    """
    from pandas import CategoricalDtype, to_numeric
    from pandas.api.types import is_numeric_dtype, is_string_dtype

    for name in columns:
        column = frame[name]
        if is_numeric_dtype(column) or isinstance(column.dtype, CategoricalDtype) or odd_cells(column):
            continue
        text = column.astype(str).str.strip()
        there = ~column.isna() & (text != "")
        rest = there & ~text.isin(WORDS)
        found, form = to_numeric(column.where(rest), errors="coerce"), None
        if rest.any() and found[rest].isna().any() and text[rest].nunique() > MOST_WHOLE_CLASSES:
            form = written.number_form(text[rest])
            found = written.numbers(text.where(rest, ""), form) if form else found
        if rest.any() and bool(found[rest].notna().all()) and (form or not bool(rest[there].all())):
            frame = frame.assign(**{name: found})
        elif column.dtype.kind == "O" or is_string_dtype(column):
            frame = frame.assign(**{name: column.where(text != "")})
    return frame


def _kind_of(values: Sequence[Any], rows: int, *, numbers: bool) -> tuple[Kind, str]:
    if len(values) == 2:
        return "binary", f"two values ({some(values)})"
    if not numbers:
        return "multiclass", f"{len(values)} labels ({some(values)})"
    whole = all(float(value).is_integer() for value in values)
    if whole and len(values) <= MOST_WHOLE_CLASSES and rows >= LEAST_ROWS * len(values):
        return "multiclass", f"{len(values)} different whole numbers ({some(values)})"
    return "regression", f"numbers from {values[0]:g} to {values[-1]:g}"


def _several(frame: DataFrame, columns: Sequence[str], place: str, kind: str | None) -> Targets:
    """Several columns: labels that are zeros and ones, or several numbers to predict."""
    from pandas.api.types import is_numeric_dtype

    for name in columns:
        if not is_numeric_dtype(frame[name]):
            value = frame[name].dropna().iloc[0]
            raise UserError(f"{place}: several targets must be numbers, but {name} holds {cell_text(value)}")
    marks = all(_are_marks(frame[name]) for name in columns)
    chosen = kind or ("multilabel" if marks else "regression")
    if chosen not in ("multilabel", "regression"):
        raise UserError(f"{place}: a {chosen} task must have one target column, but got {len(columns)}")
    if chosen == "multilabel" and not marks:
        name = next(name for name in columns if not _are_marks(frame[name]))
        raise UserError(f"{place}: multilabel targets must be 0 or 1, but {name} holds other numbers")
    why = f"{len(columns)} columns of zeros and ones" if marks else f"{len(columns)} columns of numbers"
    return Targets(tuple(columns), chosen, None, why if kind is None else "as asked")


def _are_marks(column: Series[Any]) -> bool:
    """Whether a column holds zeros and ones, and perhaps -1 where nobody looked."""
    values = set(column.dropna().unique())
    return values <= {0, 1} or (values <= MARKS and 0 in values)


def _check_whole(column: Series[Any], what: str, *, are_numbers: bool = False, gaps: bool = False) -> None:
    """Refuse missing values (with `gaps`, where there is nothing else), and cells that are no numbers."""
    missing = column.isna()
    if missing.all() if gaps else missing.any():
        raise UserError(
            f"{what} must have a value in every row, but {int(missing.sum()):,} of {len(column):,} have "
            f"none, the first in row {int(missing.to_numpy().argmax()) + 1}; drop those rows"
        )
    if odd := odd_cells(column):
        raise UserError(f"{what} must hold numbers or labels, but it holds {odd}; name another column")
    if are_numbers and column.dtype.kind not in "iufb":
        text = next((value for value in column if isinstance(value, str)), column.iloc[0])
        raise UserError(f"{what} must hold numbers, but it holds {cell_text(text)}")
    if column.dtype.kind in "iuf":
        far = (column.abs() > LARGEST).to_numpy()  # infinity, and what no float32 can be squared of
        if far.any():
            row = int(far.argmax())
            raise UserError(
                f"{what} must be finite and at most {LARGEST:g} in size, but row {row + 1} holds "
                f"{column.iloc[row]:g}; drop that row or rescale the target"
            )


def _check_varies(column: Series[Any], what: str) -> None:
    if column.nunique() < 2:
        raise UserError(
            f"{what} must vary, but every row holds {cell_text(column.iloc[0])}; name another column"
        )


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
        "merge it with another class or drop its rows"
        if isinstance(value, str | bool)
        else "say kind: regression where it is an amount or a count, or merge classes"
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
