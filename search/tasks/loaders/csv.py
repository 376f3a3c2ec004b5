"""A task from a CSV or Parquet file and the name of its target column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ....losses.errors import UserError, unknown
from ....spaces.recipe import Recipe
from ..fields import TaskFields
from .columns import Features, gaps, lines, roles
from .defaults import Mlp, hidden_sizes, metric_for, outputs_of, recipe_for, training_line
from .holdout import held_out
from .table import SEPARATORS, check_columns, read_table
from .targets import Targets, read_targets

if TYPE_CHECKING:
    from pandas import DataFrame


def csv_fields(  # noqa: PLR0913  (one for each thing a user may want to say)
    file: str | Path,
    target: str | Sequence[str],
    *,
    kind: str = "auto",
    metric: Any = "auto",
    greater_is_better: bool = True,
    test: float | str | Path = 0.2,
    validation: str | Path | None = None,
    drop: Sequence[str] = (),
    groups: str | None = None,
    time: str | None = None,
    separator: str | None = None,
    hidden: Sequence[int] | None = None,
    recipe: Any = None,
    name: str | None = None,
) -> TaskFields:
    """The task that a CSV or Parquet file describes, everything inferred that is not said.

    `target` names the column to predict, or several: zeros and ones for multilabel, numbers for a
    regression with several outputs. `test` is the share of the rows set aside for the verdict, or another
    file; `validation` is a file, where there is one. `groups` and `time` are columns (see `Task`); they
    and those in `drop` are no inputs. Numbers are standardised, missing ones filled with the median and
    marked; categories become one input each; dates in ISO form become day, month, weekday and hour: all
    of it learnt from the training part. A regression target is standardised, which leaves R2 as it is.
    The model is an MLP with the hidden sizes `hidden`. The task's `notes` say all that was inferred.

    Raises `UserError` for a file that cannot be read or does not fit into memory, columns that are not
    there, and targets that are missing, constant or of a class with fewer than five rows.
    """
    file = Path(file).expanduser()
    columns = [target] if isinstance(target, str) else list(target)
    table = read_table(file, columns, separator)
    frame = table.frame
    special = {"groups": groups, "time": time}
    if groups is not None and time is not None:
        raise UserError(f"{file.name}: folds must respect groups or time, but both were given; leave one out")
    check_columns(file, [*drop, *(n for n in special.values() if n is not None)], list(frame.columns))
    targets = read_targets(frame, columns, file.name, None if kind == "auto" else kind)
    rest = [c for c in frame.columns if c not in {*columns, *drop, *special.values()}]
    whole = {key: _whole(frame, column, key, file) for key, column in special.items()}
    if isinstance(test, str | Path):
        train, tested = frame, _other(Path(test), targets, rest, table.separator)
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
        parts["validation"] = _other(Path(validation), targets, rest, table.separator)
    found = roles(frame[rest])
    features = Features(train[rest], found)
    encoded: dict[str, Any] = {
        part: (features(rows[rest]), targets.encode(rows, f"{file.name}: {part}"))
        for part, rows in parts.items()
    }
    scale = _standardise(targets, encoded)
    inputs, labels = (torch.from_numpy(np.asarray(values)) for values in encoded["train"])
    model = Mlp(tuple(inputs.shape[1:]), hidden_sizes(hidden), outputs_of(targets.kind, labels))
    chosen = metric_for(targets.kind) if metric == "auto" else metric
    settings = Recipe.from_mapping({**recipe_for(len(labels)), **(recipe or {})})
    shape, *told = lines(found)
    return TaskFields(
        name=name or file.name.partition(".")[0],
        kind=targets.kind,
        **encoded,
        **kept,
        model=model,
        metric=chosen,
        greater_is_better=greater_is_better,
        recipe=settings,
        about={"file": file.name, **targets.to_json(), **scale},
        notes=(
            f"{file.name}: {len(frame):,} rows{_separated(table.separator)}; {shape}",
            _target_line(targets, scale),
            *told,
            *gaps(frame[rest], found),
            f"{said}; what is learnt of the columns is learnt from the training part alone",
            training_line(model, settings, chosen),
        ),
    )


def _other(file: Path, targets: Targets, inputs: Sequence[str], separator: str | None) -> DataFrame:
    """Another file with the same columns."""
    frame = read_table(file, targets.columns, separator).frame
    if lacking := [name for name in inputs if name not in frame.columns]:
        raise unknown(f"column in {file.name}", lacking[0], [str(name) for name in frame.columns])
    for name in targets.columns:
        if frame[name].isna().any():
            raise UserError(
                f"{file.name}: target {name} must have a value in every row; drop those that have none"
            )
    return frame


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
            f"{frame[column].iloc[row]!r}"
        )
    return np.unique(values.to_numpy(), return_inverse=True)[1].astype(np.int64)


def _standardise(targets: Targets, encoded: dict[str, Any]) -> dict[str, Any]:
    """Regression targets in standard deviations from the mean of the training part; both are returned."""
    if targets.kind != "regression":
        return {}
    values = encoded["train"][1].astype(np.float64)
    mean, spread = values.mean(0), values.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    for part, (inputs, numbers) in encoded.items():
        encoded[part] = (inputs, ((numbers - mean) / spread).astype(np.float32))
    return {"mean": np.asarray(mean).tolist(), "standard_deviation": np.asarray(spread).tolist()}


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
    if targets.kind == "binary":
        return f"{line}, {targets.labels[1]} counting as positive"
    if scale and len(targets.columns) == 1:
        return f"{line}, standardised (1 is {scale['standard_deviation']:.4g})"
    return line
