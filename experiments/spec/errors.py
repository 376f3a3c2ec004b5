"""What pydantic finds wrong with a SPEC, said in one line: rule, value, remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ...losses import UserError
from ...losses.errors import number_hint, one_line, unknown

_UNKNOWN = ("extra_forbidden", "invalid_key")  # a key that is not known, or not even text


def explained(error: ValidationError, model: type[BaseModel], label: str) -> str:
    """Say the first fault that pydantic found, and how many more there are.

    Args:
        error: What pydantic found.
        model: The model that was to be read; a rule is its field's description.
        label: What the document is called, such as its file.
    """
    # An unknown or missing key first: it usually explains the faults that follow from it.
    first = (*_UNKNOWN, "missing")
    faults = sorted(
        error.errors(include_url=False),
        key=lambda fault: first.index(fault["type"]) if fault["type"] in first else len(first),
    )
    text = f"{label}: {_sentence(faults[0], model)}"
    more = len({_key(model, fault["loc"]) for fault in faults}) - 1
    return f"{text} (and {more} more {'fault' if more == 1 else 'faults'})" if more else text


def _sentence(fault: Any, model: type[BaseModel]) -> str:
    location: tuple[str | int, ...] = fault["loc"]
    key = _key(model, location)
    cause = (fault.get("ctx") or {}).get("error")
    if isinstance(cause, UserError):
        return str(cause) if key in str(cause) else f"{key}: {cause}"
    owner, field = _field(model, location)
    if fault["type"] in _UNKNOWN:
        known = [found.alias or name for name, found in owner.model_fields.items()]
        return str(
            unknown(
                "key", key, [key.rpartition(".")[0] + "." + name if "." in key else name for name in known]
            )
        )
    if field is None:  # the SPEC as a whole
        return f"it must be a mapping of keys to values, but got {one_line(repr(fault['input']), 120)}"
    if fault["type"] == "missing":
        return f"`{key}` must be given: it is {field.description}"
    if (choices := _choices(field)) and isinstance(fault["input"], str):
        return str(unknown(key, fault["input"], choices))
    rule = str(field.description)
    if fault["type"] == "less_than_equal":
        number, such_as, example = rule.partition(", such as")
        rule = f"{number} and at most {fault['ctx']['le']:,}{such_as}{example}"
    hint = number_hint(fault["input"]) if fault["type"] == "float_type" else ""
    return f"{key} must be {rule}, but got {one_line(repr(fault['input']), 120)}{hint}"


def _key(model: type[BaseModel], location: Sequence[str | int]) -> str:
    """The dotted key as it stands in the SPEC; what pydantic adds for the arms of a union is dropped."""
    names: list[str] = []
    owner: type[BaseModel] | None = model
    for step in location:
        if owner is None:
            break
        names.append(str(step))
        owner = _model_of(_find(owner, str(step)))
    return ".".join(names)


def _field(model: type[BaseModel], location: Sequence[str | int]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The model that owns the last key of `location`, and the key's field if it has one."""
    owner, field = model, None
    for step in location:
        field = _find(owner, str(step))
        inner = _model_of(field)
        if inner is None or step == location[-1]:
            break
        owner = inner
    return owner, field


def _find(model: type[BaseModel], key: str) -> FieldInfo | None:
    return next((found for name, found in model.model_fields.items() if key in (name, found.alias)), None)


def _model_of(field: FieldInfo | None) -> type[BaseModel] | None:
    annotation = field.annotation if field else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _choices(field: FieldInfo) -> tuple[str, ...]:
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
