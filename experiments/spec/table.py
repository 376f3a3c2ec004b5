"""The part of a SPEC that describes a task in a CSV or Parquet file, without any Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...losses import UserError
from ...search.tasks.loaders.table import column_names, is_table
from .errors import explained
from .locate import located

TRIALS = 256
REPEATS = {"seeds": 1, "folds": 4}  # another part of a table tells more than another seed


class TableSpec(BaseModel):
    """`task:` as a mapping. What is left out is inferred from the file, and printed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    file: str = Field(min_length=1, description="the path of a CSV or Parquet file, such as data.csv")
    target: str | list[str] = Field(
        description="the name of a column, or a list of names for a multilabel task, such as label"
    )
    kind: Literal["auto", "multiclass", "binary", "multilabel", "regression"] = Field(
        "auto", description="auto, multiclass, binary, multilabel or regression"
    )
    metric: str = Field("auto", description="auto or the name of a metric, such as macro_f1")
    test: float | str = Field(
        0.2, description="the share of the rows for the test part, such as 0.2, or another file"
    )
    validation: str | None = Field(None, description="the path of another file, such as validation.csv")
    drop: list[str] = Field([], description="a list of columns that are no inputs, such as [id]")
    groups: str | None = Field(None, description="the name of a column, such as patient")
    time: str | None = Field(None, description="the name of a column, such as date")
    weights: str | None = Field(None, description="the name of a column of numbers, such as weight")
    positive: str | int | float | bool | None = Field(
        None, description="the value that counts as positive, such as fraud"
    )
    separator: str | None = Field(None, min_length=1, max_length=1, description='a character, such as ";"')
    hidden: list[int] | None = Field(None, description="sizes of hidden layers, such as [64, 64]")
    name: str | None = Field(None, min_length=1, description="a name for the task, such as churn")


def table_task(document: dict[str, Any], folder: Path, label: str) -> dict[str, Any]:
    """Check the table that a SPEC describes as its task, and make the paths of its files absolute.

    Args:
        document: What the SPEC has under `task`.
        folder: Where the SPEC lies: a relative file is looked for there, and then in the working directory.
        label: How the SPEC is called in an error.

    Returns:
        The task without its defaults.

    Raises:
        UserError: A key is unknown, a value breaks its rule, or a file is not there.
    """
    try:
        found = TableSpec.model_validate(document)
    except ValidationError as error:
        raise UserError(explained(error, TableSpec, f"{label}: task")) from error
    files = {key: _located(file, folder, label) for key, file in _files(found).items()}
    return {**found.model_dump(exclude_unset=True), **files}


def asked(spec: str, target: list[str] | None) -> str | dict[str, Any]:
    """Make a SPEC of what a command was given: the name of one, or a table with its target.

    Args:
        spec: The path of a SPEC or of a table.
        target: The columns of the table to predict.

    Returns:
        The path of the SPEC; or a SPEC's keys, with the usual budget for tables.

    Raises:
        UserError: A table comes without a target, or a SPEC with one.
    """
    if not is_table(spec):
        if target:
            raise UserError(
                f"--target must go with a CSV or Parquet file, but it came with {spec}; leave it out"
            )
        return spec
    if not target:
        names = column_names(Path(spec))
        raise UserError(
            f"a table must come with the column to predict, but {spec} came without --target; "
            f"its columns are {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}"
        )
    chosen: str | list[str] = target[0] if len(target) == 1 else target
    return {"task": {"file": spec, "target": chosen}, "trials": TRIALS, "repeats": REPEATS}


def _files(spec: TableSpec) -> dict[str, str]:
    given = {"file": spec.file, "test": spec.test, "validation": spec.validation}
    return {key: value for key, value in given.items() if isinstance(value, str)}


def _located(file: str, folder: Path, label: str) -> str:
    if not is_table(file):
        raise UserError(f"{label}: a table must be a .csv, .tsv or .parquet file, but got {file!r}")
    return str(located(file, folder, f"{label}: the file must exist"))
