"""What others may import from lossmith, name by name: a name that goes or changes is seen in a diff."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

KEPT = Path(__file__).with_name("public_names.txt")
PACKAGES = ("lossmith.losses", "lossmith.spaces", "lossmith.search", "lossmith.experiments")


class Written:
    """An annotation that is shown as it is written, without quotes."""

    def __init__(self, text: object) -> None:
        self.text = text

    def __repr__(self) -> str:
        return str(self.text)


def signature(value: Callable[..., Any]) -> str:
    """How something is called."""
    found = inspect.signature(value)
    empty = inspect.Signature.empty
    parameters = [
        p if p.annotation is empty else p.replace(annotation=Written(p.annotation))
        for p in found.parameters.values()
    ]
    returned = found.return_annotation
    shown = found.replace(
        parameters=parameters, return_annotation=empty if returned is empty else Written(returned)
    )
    return re.sub(r"<factory>|<function [^ ]+ at 0x\w+>", "...", str(shown))


def member(name: str, value: object) -> str | None:
    """A line for a public method or property of a class; None for what has no signature."""
    if isinstance(value, classmethod | staticmethod):
        return f"    {type(value).__name__} {name}{signature(value.__func__)}"
    if inspect.isfunction(value):
        return f"    {name}{signature(value)}"
    getter = value.fget if isinstance(value, property) else getattr(value, "func", None)
    if inspect.isfunction(getter):
        return f"    property {name}: {inspect.signature(getter).return_annotation}"
    return None


def described(name: str, value: Any) -> Iterator[str]:
    """The lines of one public name."""
    if inspect.isclass(value) and value.__module__ == "builtins":
        yield f"  {name} = {value.__name__}"
    elif inspect.isclass(value):
        bases = [base.__name__ for base in value.__bases__ if base is not object]
        yield f"  class {name}({', '.join(bases)})" if bases else f"  class {name}"
        if issubclass(value, Exception):
            return
        yield f"    {name}{signature(value)}"
        own = [cls for cls in value.__mro__ if cls.__module__.startswith("lossmith.")]
        names = {key for cls in own for key in vars(cls) if not key.startswith("_")}
        annotated = {key: text for cls in own for key, text in inspect.get_annotations(cls).items()}
        for key in sorted(names | {key for key in annotated if not key.startswith("_")}):
            line = member(key, inspect.getattr_static(value, key, None))
            if line is not None:
                yield line
            elif key in annotated:
                yield f"    {key}: {annotated[key]}"
    elif inspect.isfunction(inspect.unwrap(value)):
        yield f"  {name}{signature(value)}"
    else:
        yield f"  {name} = {value!r}"


def public_names() -> str:
    """Every public name of the four packages with its signature, in a fixed order."""
    lines = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        lines.append(package)
        for name in sorted(module.__all__):
            lines.extend(described(name, getattr(module, name)))
    return "\n".join([*lines, ""])


def test_public_names_and_their_signatures_are_those_written_down(
    same_as: Callable[[Path, str], None],
) -> None:
    """Whoever changes what others call also changes public_names.txt, with LOSSMITH_WRITE_PINNED=1."""
    same_as(KEPT, public_names())
