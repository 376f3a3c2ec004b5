"""A YAML file that may come from somebody else: its size is known before anything in it is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ...losses.errors import UserError, one_line

LARGEST = 1 << 20  # bytes
DEEPEST = 32  # mappings and lists inside each other
MOST = 100_000  # values, those that an alias repeats counted each time


def read_mapping(path: Path) -> dict[str, Any]:
    """Read the mapping that a YAML file holds.

    Raises:
        UserError: There is no such file, it is not text, not YAML or no mapping, a key stands twice in one
            mapping, or the document is larger or deeper than any SPEC.
    """
    text = _text(path)
    try:
        _check(text, path)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise UserError(f"a SPEC must be YAML, but {path} is not: {one_line(problem)}{place}") from error
    except UserError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # What PyYAML makes of a date such as 2024-13-45, of `!!bool maybe`, of a number of 5,000 digits.
        why = one_line(error) if isinstance(error, ValueError) else "it is not what its tag says"
        raise UserError(f"a SPEC must be YAML, but a value in {path} cannot be read: {why}") from error
    if not isinstance(document, dict):
        shown = "an empty file" if document is None else f"a {type(document).__name__}"
        raise UserError(
            f"a SPEC must be a mapping of keys to values, but {path} holds {shown}; write `task: ...`"
        )
    return document


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise UserError(f"a SPEC must be at most {LARGEST >> 10} KiB, but {path} is larger")  # noqa: TRY301
        return content.decode("utf-8")
    except FileNotFoundError as error:
        raise UserError(
            f"a SPEC must be a YAML file that exists, but there is no {one_line(path)}; check the path"
        ) from error
    except IsADirectoryError as error:
        raise UserError(
            f"a SPEC must be a YAML file, but {path} is a folder; one of images is a task by "
            "Task.from_image_folder in a file of yours"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"a SPEC must be a readable YAML file, but {path} is not: it is not text in UTF-8"
        ) from error
    except UserError:
        raise
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(
            f"a SPEC must be a readable YAML file, but {one_line(path)} is not: {reason}"
        ) from error


@dataclass
class _Open:
    """A mapping or a list that has begun: its anchor, the values so far, and the keys of a mapping."""

    anchor: str | None
    mapping: bool
    size: int = 1
    at_key: bool = True
    keys: set[str] = field(default_factory=set)


def _check(text: str, path: Path) -> None:
    """Refuse what is too deep, too large once its aliases are written out, or says a key twice.

    Events are read one at a time, so nothing of the document is built, and no step is recursive.
    """
    sizes: dict[str, int] = {}  # values below each anchor that has ended
    around: list[_Open] = []
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.NodeEvent):
            _key(around, event, path)
        if isinstance(event, yaml.CollectionStartEvent):
            around.append(_Open(event.anchor, isinstance(event, yaml.MappingStartEvent)))
            if len(around) > DEEPEST:
                raise UserError(f"a SPEC must be at most {DEEPEST} levels deep, but {path} is deeper")
            continue
        size = 1
        if isinstance(event, yaml.CollectionEndEvent):
            size = around[-1].size
            sizes[around.pop().anchor or ""] = size
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in [each.anchor for each in around]:
                raise UserError(f"a SPEC must not hold itself, but {path} does{_line(event)}")
            size = sizes.get(event.anchor or "", 1)
        if around:
            around[-1].size += size
        if around and around[-1].size > MOST:
            raise UserError(
                f"a SPEC must hold at most {MOST:,} values, but {path} holds more once its aliases are "
                "written out"
            )


def _key(around: list[_Open], event: Any, path: Path) -> None:
    """Note a key, or that a value came; YAML keeps the last of two equal keys in silence."""
    if not around or not around[-1].mapping:
        return
    inside = around[-1]
    if inside.at_key and isinstance(event, yaml.CollectionStartEvent):
        raise UserError(
            f"{path}: each key must be text, but got a list or a mapping{_line(event)}; put it in quotes"
        )
    if inside.at_key and isinstance(event, yaml.ScalarEvent):
        if event.value in inside.keys:
            raise UserError(
                f"{path}: each key may stand once, but got `{one_line(event.value)}` again"
                f"{_line(event)}; remove one"
            )
        inside.keys.add(event.value)
    inside.at_key = not inside.at_key


def _line(event: Any) -> str:
    return f" at line {event.start_mark.line + 1}"
