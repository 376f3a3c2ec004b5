"""A SPEC from a file or a mapping, its files found and its values checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ...losses.errors import UserError
from ...search.tasks.loaders.table import is_table
from ...spaces import own_terms
from .locate import located
from .search_spec import SearchSpec, validated
from .table import table_task
from .yaml_file import read_mapping


def load_spec(
    source: SearchSpec | Mapping[str, Any] | str | Path, overrides: Mapping[str, Any] | None = None
) -> SearchSpec:
    """Load a SPEC: read it, check it, and make the paths of its files absolute.

    Args:
        source: The path of a YAML file, a mapping with the keys of a SPEC, or a SPEC that was loaded before.
        overrides: Values by key that replace those of `source`; None changes nothing.

    Raises:
        UserError: The file is missing, unreadable, not YAML or no mapping, a key is unknown, a value breaks
            its rule, or a file that it names is neither beside it nor in the working directory.
    """
    changes = {key: value for key, value in (overrides or {}).items() if value is not None}
    if isinstance(source, SearchSpec):
        return validated(source.to_json() | changes, "SPEC") if changes else source
    if isinstance(source, Mapping):
        document, folder, label = dict(source), Path.cwd(), "SPEC"
    else:
        path = Path(source)
        document, folder, label = read_mapping(path), path.absolute().parent, str(source)
    spec = validated(document | changes, label)
    update: dict[str, Any] = {"task": _task(spec.task, folder, label)}
    if terms := own_terms(spec.space):
        places = [_place(term, folder, label) for term in terms]
        update["space"] = {**cast("dict[str, Any]", spec.space), "terms": places}
    update["transfer"] = [_task(other, folder, label) for other in spec.transfer]
    return spec.model_copy(update=update)


def _task(task: str | dict[str, Any], folder: Path, label: str) -> str | dict[str, Any]:
    """A task as a search keeps it, its files as absolute paths."""
    return table_task(task, folder, label) if isinstance(task, dict) else _place(task, folder, label)


def _place(task: str, folder: Path, label: str) -> str:
    """FILE:OBJECT with the file as an absolute path; the name of a built-in task as it stands."""
    if is_table(task):
        raise UserError(
            f"{label}: a table must come with its target column: task: {{file: {task}, target: COLUMN}}"
        )
    file, colon, function = task.rpartition(":")
    if not colon and not task.endswith(".py"):
        return task
    if not (colon and file.endswith(".py") and function.isidentifier()):
        raise UserError(
            f"{label}: a task in a file must be given as path/to/file.py:function, but got {task!r}"
        )
    return f"{located(file, folder, f'{label}: the task file must exist')}:{function}"
