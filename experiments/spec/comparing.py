"""The SPEC of a comparison: a task and losses as a command line names them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...losses.errors import UserError, one_line
from ...search.tasks.named_losses import ALL
from ...spaces import own_terms
from .loading import load_spec
from .locate import located
from .search_spec import SearchSpec
from .table import asked

_YAML = (".yaml", ".yml")
Entry = str | Mapping[str, Any]


def compared_spec(
    task: str | Path,
    losses: Sequence[Entry],
    *,
    target: Sequence[str] = (),
    tune: bool = False,
    catalogue: bool = False,
    changes: Mapping[str, Any] | None = None,
) -> SearchSpec:
    """Make the SPEC of a comparison.

    Args:
        task: The name of a built-in task, path/to/file.py:function, or the path of a table or of a SPEC.
        losses: Each NAME, NAME:PARAMETER=VALUE,..., FILE.py:OBJECT, the path of a loss.json, or a mapping of
            `name` and `loss`.
        target: The columns of a table to predict.
        tune: Whether losses are tuned over their own parameters too.
        catalogue: Whether every standard loss of the kind joins those that are named.
        changes: Values by key that replace those of the SPEC; None changes nothing.

    Raises:
        UserError: A file is not there or not what it should be, or the task is none.
    """
    if not losses and not catalogue:
        raise UserError(
            "a comparison must have at least two losses, but none is named; name them, such as "
            "cross_entropy focal, or give --all for every standard loss of the kind"
        )
    entries, terms = list[Entry](), list[str]()
    for loss in losses:
        entry, term = _entry(loss)
        entries.append(entry)
        terms += [term] if term and term not in terms else []
    if catalogue:
        entries.append(ALL)
    base = _base(str(task), target, {"losses": entries, "tune": tune})
    if terms:
        own = {"preset": base.space} if isinstance(base.space, str) else dict(base.space)
        known = own_terms(base.space)
        space = {**own, "terms": [*known, *(term for term in terms if term not in known)]}
        base = load_spec(base, {"space": space})
    return load_spec(base, changes)


def _base(task: str, target: Sequence[str], compare: Mapping[str, Any]) -> SearchSpec:
    """The SPEC without the user's own losses."""
    named = asked(task, list(target) or None)
    if isinstance(named, str) and not named.endswith(_YAML):
        named = {"task": named}
    return load_spec(named, {"compare": compare})


def _entry(loss: Entry) -> tuple[Entry, str | None]:
    """A loss as a SPEC names it, and where it is if it is the user's own."""
    if not isinstance(loss, str):
        return loss, None
    file, dot, rest = loss.partition(".py:")
    if dot:
        name, colon, parameters = rest.partition(":")
        path = located(f"{file}.py", Path.cwd(), "the file of a loss must exist")
        return f"{name}{colon}{parameters}", f"{path}:{name}"
    if loss.endswith(".py"):
        raise UserError(f"a loss in a file must be given as FILE:OBJECT, such as {loss}:my_loss, got {loss}")
    if loss.endswith(".json"):
        return {"name": loss, "loss": _document(loss)}, None
    return loss, None


def _document(path: str) -> Mapping[str, Any]:
    """The loss that an exported loss.json describes, without what it was bound to; nothing is run."""
    file = located(path, Path.cwd(), "the file of a loss must exist")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"a loss.json must be JSON, but {path} is not: {one_line(error, 120)}; export the loss again"
        ) from None
    found = document.get("loss") if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise UserError(
            f"a loss.json must have an object `loss` as `lossmith export` writes it, but {path} has none"
        )
    return {key: found[key] for key in ("schema", "kind", "parameters") if key in found}


def names(entries: Iterable[Entry]) -> list[str]:
    """List what the losses of a comparison are called.

    Args:
        entries: The losses of a SPEC.
    """
    return [entry if isinstance(entry, str) else str(entry.get("name")) for entry in entries]
