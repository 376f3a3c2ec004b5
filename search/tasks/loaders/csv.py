"""A task from a CSV or Parquet file and the name of its target column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ....losses.errors import UserError, unknown
from ....losses.kinds import kind_named
from ....spaces.recipe import Recipe
from ...metrics import Metric, metric_named, metric_of
from ..fields import TaskFields
from ..guard import tidy_name
from . import written
from .cells import LARGEST, cell_text
from .columns import Column, Features, gaps, lines, roles
from .defaults import metric_for, mlp_for, outputs_of, recipe_for, training_line
from .holdout import held_out
from .table import SEPARATORS, check_columns, read_table
from .targets import Targets, read_targets, with_gaps

if TYPE_CHECKING:
    from pandas import DataFrame, Series


def csv_fields(  # noqa: PLR0913  (one for each thing a user may want to say)
    file: str | Path,
    target: str | Sequence[str],
    *,
    kind: str = "auto",
    metric: Any = "auto",
    greater_is_better: bool | None = None,
    test: float | str | Path = 0.2,
    validation: str | Path | None = None,
    drop: Sequence[str] = (),
    groups: str | None = None,
    time: str | None = None,
    weights: str | None = None,
    positive: Any = None,
    separator: str | None = None,
    hidden: Sequence[int] | None = None,
    recipe: Any = None,
    name: str | None = None,
) -> TaskFields:
    """The task that a CSV or Parquet file describes, everything inferred that is not said.

    Numbers are standardised, missing ones filled with the median and marked; categories become one input
    each; dates become day, month, weekday and hour: all of it learnt from the training part. A regression
    target is standardised for the model and scored in its own units. The task's `notes` say all that was
    inferred.

    Args:
        file: The path of the file.
        target: The column to predict, or several: zeros and ones for multilabel, numbers for a regression
            with several outputs.
        kind: The kind of problem, or "auto".
        metric: As of `Task`, or "auto".
        greater_is_better: As of `Task`.
        test: The share of the rows set aside for the verdict, or the path of another file.
        validation: The path of another file.
        drop: Columns that are no inputs.
        groups: A column whose values are never split by folds, such as a patient; no input.
        time: A column of numbers or dates; the latest rows are the test part; no input.
        weights: A column of numbers of at least 0, how much each row counts in losses and in the metric; no
            input.
        positive: For two values, the one that counts as positive; default: 1 beside 0, true, or the rarer.
        separator: What separates the fields; None to find out.
        hidden: The sizes of the model's hidden layers; the model is an MLP.
        recipe: As of `Task`.
        name: The task's name; default: the file's.

    Raises:
        UserError: The file cannot be read or does not fit into memory, a column is not there, or targets are
            missing, constant or of a class with fewer than five rows.
    """
    file = Path(file).expanduser()
    columns = _names(target)
    table = read_table(file, columns, separator)
    frame = with_gaps(table.frame, columns)
    special = {"groups": groups, "time": time, "weights": weights}
    if groups is not None and time is not None:
        raise UserError(f"{file.name}: folds must respect groups or time, but both were given; leave one out")
    named = [*drop, *(n for n in special.values() if n is not None)]
    check_columns(file, named, list(frame.columns))
    if both := [name for name in columns if name in named]:
        raise UserError(
            f"{file.name}: a target must be no column to drop, or of groups, time or weights, but "
            f"{both[0]!r} is; leave one out"
        )
    targets = read_targets(frame, columns, file.name, None if kind == "auto" else kind, positive)
    rest = [c for c in frame.columns if c not in {*columns, *named}]
    whole = {key: _whole(frame, special[key], key, file) for key in ("groups", "time")}
    if isinstance(test, str | Path):
        train, tested = frame, _other(Path(test), targets, rest, weights, table.separator)
        kept = whole
        said = f"test part {Path(test).name}, {len(tested):,} rows"
    else:
        inside = held_out(targets.kind, targets.encode(frame, file.name), test, **whole)
        train, tested = frame[~inside], frame[inside]
        kept = {key: None if values is None else values[~inside] for key, values in whole.items()}
        how = _how(targets, groups, time)
        said = f"train {len(train):,} rows, test {len(tested):,}{how}"
    parts = {"train": train, "test": tested}
    if validation is not None:
        parts["validation"] = _other(Path(validation), targets, rest, weights, table.separator)
    found = roles(frame[rest])
    for source, rows in {"test": tested, "validation": parts.get("validation")}.items():
        if rows is not None:
            _check_alike(rows, found, f"{file.name}: {source}")
    if weights is not None:
        _check_weights(frame[weights], f"{file.name}: weights column {weights}")
    features = Features(train[rest], found)
    encoded: dict[str, Any] = {
        part: (features(rows[rest]), targets.encode(rows, f"{file.name}: {part}"))
        for part, rows in parts.items()
    }
    scale = _standardise(targets, encoded)
    inputs, labels = (torch.from_numpy(np.asarray(values)) for values in encoded["train"])
    model = mlp_for(inputs.shape[1:], hidden, outputs_of(targets.kind, labels))
    chosen = metric_for(targets.kind) if metric == "auto" else metric
    scored = _in_target_units(chosen, targets, scale)
    settings = Recipe.from_mapping({**recipe_for(len(labels)), **(recipe or {})})
    shape, *told = lines(found)
    names, known = () if targets.numbering is None else targets.numbering.names, kind_named(targets.kind)
    return TaskFields(
        name=name or tidy_name(file.name.partition(".")[0]),
        kind=targets.kind,
        **encoded,
        **kept,
        sample_weight=None if weights is None else {part: rows[weights] for part, rows in parts.items()},
        class_names=names or (targets.columns if known.classified else ()),
        positive=names[1] if names and known.target == "answer" else None,
        model=model,
        metric=chosen if isinstance(chosen, str) else scored,
        own_metric=scored if isinstance(chosen, str) else None,
        greater_is_better=greater_is_better,
        recipe=settings,
        about={
            "file": file.name,
            **targets.to_json(),
            **scale,
            **({"scored_in_units": True} if scale and scored is not None and chosen != "r2" else {}),
        },
        notes=(
            f"{file.name}: {len(frame):,} rows{_separated(table.separator)}; {shape}",
            _target_line(targets, scale),
            *told,
            *gaps(frame[rest], found),
            *([] if weights is None else [f"rows count by {weights}, in losses and in the metric"]),
            f"{said}; what is learnt of the columns is learnt from the training part alone",
            training_line(model, settings, chosen),
        ),
    )


def _names(target: Any) -> list[str]:
    """The names of the targets: at least one, and each once."""
    found = [target] if isinstance(target, str) else target
    if not isinstance(found, list | tuple) or not found or not all(isinstance(n, str) for n in found):
        raise UserError(f"target must be the name of a column, or a list of names, but got {target!r}")
    if twice := [name for name in found if list(found).count(name) > 1]:
        raise UserError(f"target must name each column once, but {twice[0]!r} stands more than once")
    return list(found)


def _other(
    file: Path, targets: Targets, inputs: Sequence[str], weights: str | None, separator: str | None
) -> DataFrame:
    """Another file with the same columns."""
    frame = with_gaps(read_table(file, targets.columns, separator).frame, targets.columns)
    wanted = [*inputs, *([] if weights is None else [weights])]
    if lacking := [name for name in wanted if name not in frame.columns]:
        raise unknown(f"column in {file.name}", lacking[0], [str(name) for name in frame.columns])
    for name in targets.columns if len(targets.columns) == 1 else ():
        if frame[name].isna().any():
            raise UserError(
                f"{file.name}: target {name} must have a value in every row; drop those that have none"
            )
    return frame


def _check_alike(frame: DataFrame, columns: Sequence[Column], place: str) -> None:
    """Refuse another part whose columns cannot be read as those of the training part are."""
    for column in columns:
        if column.role not in ("number", "date"):
            continue
        there = frame[column.name].dropna()
        number = column.role == "number"
        read = (
            written.numbers(there, column.form)
            if number
            else written.dates(there, column.form or written.ISO)
        )
        odd = there[read.isna()]
        if len(odd) > len(there) / 2:
            raise UserError(
                f"{place}: column {column.name} must hold {column.role}s, as in the training part, but "
                f"{len(odd):,} of {len(there):,} are none, such as {cell_text(odd.iloc[0])}"
            )


def _check_weights(column: Series[Any], what: str) -> None:
    from pandas import to_numeric

    found = to_numeric(column, errors="coerce")
    wrong = (~found.between(0, LARGEST)).to_numpy()
    if wrong.any() or not found.any():
        row = int(wrong.argmax())
        raise UserError(
            f"{what} must hold numbers of at least 0 and at most {LARGEST:g} in every row, not all 0, but "
            f"row {row + 1} holds {cell_text(column.iloc[row])}"
        )


def _whole(frame: DataFrame, column: str | None, key: str, file: Path) -> Any:
    """The codes of a column of groups or times, (N,), or None where there is none."""
    import pandas as pd

    if column is None:
        return None
    values = frame[column]
    if key == "time" and not pd.api.types.is_numeric_dtype(values):
        values = pd.to_datetime(values, errors="coerce", format="ISO8601", utc=True)
    if values.isna().any():
        row = int(values.isna().to_numpy().argmax())
        rule = "hold a number or a date such as 2024-01-31" if key == "time" else "have a value"
        raise UserError(
            f"{file.name}: {key} column {column} must {rule} in every row, but row {row + 1} holds "
            f"{cell_text(frame[column].iloc[row])}"
        )
    return np.unique(values.to_numpy(), return_inverse=True)[1].astype(np.int64)


def _standardise(targets: Targets, encoded: dict[str, Any]) -> dict[str, Any]:
    """Regression targets in standard deviations from the mean of the training part; both are returned."""
    if kind_named(targets.kind).classified:
        return {}
    values = encoded["train"][1].astype(np.float64)
    mean, spread = np.nanmean(values, 0), np.nanstd(values, 0)
    if not (spread > 0).all():
        raise UserError(
            f"target {targets.columns[int(np.argmin(spread))]} must vary in the training part by more than "
            "double precision can tell from 0; rescale it, or name another column"
        )
    for part, (inputs, numbers) in encoded.items():
        encoded[part] = (inputs, ((numbers - mean) / spread).astype(np.float32))
    return {"mean": np.asarray(mean).tolist(), "standard_deviation": np.asarray(spread).tolist()}


def _in_target_units(metric: Any, targets: Targets, scale: Mapping[str, Any]) -> Any:
    """The metric as it scores standardised predictions: in the target's own units.

    A built-in metric is a mean over columns; of several targets, whose units differ, it stays in standard
    deviations, so that none drowns the others. A user's function gets what it was written for.
    """
    built_in = isinstance(metric, str)
    if not scale or (built_in and len(targets.columns) > 1):
        return None if built_in else metric
    if built_in:
        found = metric_named(metric, targets.kind)
    else:
        found = metric if isinstance(metric, Metric) else metric_of(metric, targets.kind)
    return found.in_units(scale["mean"], scale["standard_deviation"])


def _how(targets: Targets, groups: str | None, time: str | None) -> str:
    if time is not None:
        return f" (the latest by {time}; folds are in that order too)"
    if groups is not None:
        return f" ({groups} kept whole, in the folds too)"
    return " (stratified)" if targets.labels else " (at random)"


def _separated(separator: str | None) -> str:
    return (
        ""
        if separator in (None, ",")
        else f" separated by {SEPARATORS.get(separator or '', repr(separator))}"
    )


def _target_line(targets: Targets, scale: dict[str, Any]) -> str:
    names = ", ".join(targets.columns[:4]) + (", ..." if len(targets.columns) > 4 else "")
    line = f"target {names}: {targets.why}, so {targets.kind}"
    if targets.numbering is not None and kind_named(targets.kind).target == "answer":
        return f"{line}; {targets.numbering.why}"
    if not scale:
        return line
    if len(targets.columns) > 1:
        return f"{line}, each standardised; a built-in metric is the mean over them in standard deviations"
    spread = scale["standard_deviation"]
    return f"{line}; models learn it standardised (1 is {spread:.4g}), scores are in its own units"
