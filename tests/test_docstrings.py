"""Docstrings tell about arguments, and rooms about what they export; read by `ast`, nothing is imported.

A room whose docstrings are done stands in `DONE`, and stays done. Public is what has no leading underscore
and stands at the top of a module or in a public class. Exempt are:

- dunder methods (the class says how it is built; `__call__` says what it needs), properties, overloads
- commands of the command line, whose options carry their own help
- methods whose interface says it once: those that a Protocol in this repository declares under the same name
  with the same arguments, and those that torch calls
- functions that say "arguments as of `other`", where `other` stands in the same file and takes them all
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("losses", "spaces", "search", "experiments")

# Folders and files that are done; a folder stands for everything below it.
DONE = (
    "losses",
    "spaces",
    "experiments/cli",
    "experiments/experiment.py",
    "experiments/progress",
    "experiments/report",
    "experiments/results",
    "experiments/running",
    "experiments/spec",
    "experiments/store",
    "experiments/tracking",
    "experiments/usercode",
    "search",
    "experiments/version.py",
)

# Rooms of which others import what the room exports, or one of its modules, and nothing from inside a module.
CLOSED = tuple(
    f"losses/{room}"
    for room in ("checks", "custom", "family", "frozen", "kernels", "kinds", "spec", "stacked")
)

EXEMPT_DECORATORS = {"property", "cached_property", "setter", "overload", "command", "callback"}
CALLED_BY_TORCH = {"Function": {"forward", "setup_context", "backward"}}  # by the class that declares them
NUMBERS = {"bool", "float", "int", "Any", "object", "dict"}  # types that do not say what a value means
AS_OF = re.compile(r"[Aa]rguments as of `(\w+)`")
ENTRY = re.compile(r"    \*{0,2}(\w+)(?: \([^)]*\))?:(?: |$)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Described(NamedTuple):
    """Something public with a docstring, and the names that its sections must tell about."""

    place: str
    docstring: str
    names: list[str]
    sections: tuple[str, ...]
    lone: bool  # whether a single name needs no words, for its type tells what it is
    whole: bool  # whether `names` are all that there is to tell about: a class may inherit more


def files(room: str) -> list[Path]:
    """The Python files of a room, in a fixed order; Alembic's migrations are not read."""
    path = ROOT / room
    found = [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [file for file in found if "migrations" not in file.parts]


@cache
def tree(file: Path) -> ast.Module:
    """A file, parsed."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def last_names(expressions: Sequence[ast.expr]) -> set[str]:
    """The last names of decorators or bases: "command" of `@app.command()`, "Protocol" of `Protocol[T]`."""
    found = set()
    for expression in expressions:
        bare = expression.func if isinstance(expression, ast.Call) else expression
        bare = bare.value if isinstance(bare, ast.Subscript) else bare
        found.add(bare.attr if isinstance(bare, ast.Attribute) else getattr(bare, "id", ""))
    return found


def arguments(function: Function, *, method: bool) -> list[ast.arg]:
    """The arguments of a function that its caller gives, those that begin with an underscore left out."""
    given = function.args
    bound = method and "staticmethod" not in last_names(function.decorator_list)
    positional = [*given.posonlyargs, *given.args][1 if bound else 0 :]
    packed = [one for one in (given.vararg, given.kwarg) if one is not None]
    return [one for one in (*positional, *given.kwonlyargs, *packed) if not one.arg.startswith("_")]


def methods(found: ast.ClassDef) -> Iterator[Function]:
    """The methods of a class."""
    return (node for node in found.body if isinstance(node, Function))


def reached(file: Path) -> Iterator[tuple[int, str]]:
    """Line and target of each relative import of a file: "losses.family" of `from ..family import part`."""
    package = file.relative_to(ROOT).parent.parts
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - (node.level - 1)]
            yield node.lineno, ".".join([*base, *filter(None, [node.module])])


@cache
def interfaces() -> frozenset[tuple[str, tuple[str, ...]]]:
    """Name and arguments of every method that a Protocol in this repository declares."""
    return frozenset(
        (method.name, tuple(one.arg for one in arguments(method, method=True)))
        for folder in FOLDERS
        for file in files(folder)
        if "Protocol" in file.read_text(encoding="utf-8")
        for node in tree(file).body
        if isinstance(node, ast.ClassDef) and "Protocol" in last_names(node.bases)
        for method in methods(node)
    )


def is_exempt(function: Function, owner: ast.ClassDef | None) -> bool:
    """Whether a function's arguments are told elsewhere; the module's docstring says where."""
    if function.name.startswith("_") or EXEMPT_DECORATORS & last_names(function.decorator_list):
        return True
    if owner is None or "Protocol" in (bases := last_names(owner.bases)):
        return False
    if any(function.name in CALLED_BY_TORCH.get(base, ()) for base in bases):
        return True
    return (function.name, tuple(one.arg for one in arguments(function, method=True))) in interfaces()


@cache
def commands() -> frozenset[str]:
    """The functions that the command line registers."""
    return frozenset(
        node.args[0].attr
        for node in ast.walk(tree(ROOT / "experiments" / "cli" / "app.py"))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Call)
        and last_names([node.func]) == {"command"}
        and isinstance(node.args[0], ast.Attribute)
    )


def is_command(function: Function, file: Path) -> bool:
    """Whether a function is a command: its arguments carry their own help."""
    return file.parent == ROOT / "experiments" / "cli" and function.name in commands()


def is_as_another(function: Function, file: Path) -> bool:
    """Whether a function says that its arguments are those of another one in its file, and they are."""
    found = AS_OF.search(_text(function))
    others = {node.name: node for node in tree(file).body if isinstance(node, Function)}
    if found is None or found[1] == function.name or found[1] not in others:
        return False
    of_other = {one.arg for one in arguments(others[found[1]], method=False)}
    return of_other.issuperset(one.arg for one in arguments(function, method=False))


def fields(found: ast.ClassDef) -> list[str]:
    """The public fields of a dataclass or a named tuple; none of any other class."""
    if "dataclass" not in last_names(found.decorator_list) and "NamedTuple" not in last_names(found.bases):
        return []
    return [
        node.target.id
        for node in found.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and not node.target.id.startswith("_")
        and "ClassVar" not in ast.unparse(node.annotation)
    ]


def described(file: Path) -> Iterator[Described]:
    """What of a file must say something about its arguments or fields."""
    where = file.relative_to(ROOT)

    def of(function: Function, owner: ast.ClassDef | None) -> Described:
        given = arguments(function, method=owner is not None)
        types = [ast.unparse(one.annotation) if one.annotation else "Any" for one in given]
        return Described(
            f"{where}:{function.lineno} {function.name}",
            _text(function),
            [one.arg for one in given],
            ("Args",),
            lone=not NUMBERS.issuperset(types),
            whole=True,
        )

    for node in tree(file).body:
        if isinstance(node, Function) and not (
            is_exempt(node, None) or is_command(node, file) or is_as_another(node, file)
        ):
            yield of(node, None)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (of(method, node) for method in methods(node) if not is_exempt(method, node))
            built = [method for method in methods(node) if method.name == "__init__"]
            names = fields(node) or [one.arg for init in built for one in arguments(init, method=True)]
            whole = bool(names) and not node.bases
            place = f"{where}:{node.lineno} {node.name}"
            yield Described(place, _text(node), names, ("Args", "Attributes"), lone=True, whole=whole)


def _text(node: Function | ast.ClassDef) -> str:
    return inspect.cleandoc(ast.get_docstring(node) or "")


def told(docstring: str, sections: Sequence[str]) -> list[str] | None:
    """The names that these sections of a docstring tell about; None where there is no such section."""
    found: list[str] | None = None
    inside = False
    for line in docstring.splitlines():
        if line and not line.startswith(" "):
            inside = line.removesuffix(":") in sections and line.endswith(":")
            found = [] if inside and found is None else found
        elif inside and found is not None and (entry := ENTRY.match(line)):
            found.append(entry[1])
    return found


def fault(one: Described) -> str | None:
    """What a docstring lacks or tells of nothing, in a line; None where it is right."""
    found = told(one.docstring, one.sections)
    if found is None:
        if len(one.names) > 1:
            return f"{one.place} must have {' or '.join(one.sections)}: for {', '.join(one.names)}"
        words = one.docstring.replace("_", " ")
        if one.names and not one.lone and not re.search(rf"\b{one.names[0].replace('_', ' ')}\b", words):
            return f"{one.place} must say what {one.names[0]} is"
        return None
    missing = [name for name in one.names if name not in found]
    stale = [name for name in found if one.whole and name not in one.names]
    if missing or stale:
        return f"{one.place}: missing {missing}, stale {stale}"
    return None


def declares_exports(file: Path) -> bool:
    """Whether a module assigns `__all__`."""
    targets = [
        target
        for node in tree(file).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return "__all__" in last_names(targets)


@pytest.mark.parametrize("room", DONE)
def test_every_public_function_tells_about_its_arguments(room: str) -> None:
    """Two arguments or more are told in `Args:`, one by one, and none that is not there; so are fields."""
    assert not [said for file in files(room) for one in described(file) if (said := fault(one))]


@pytest.mark.parametrize("room", DONE)
def test_every_room_says_what_it_exports(room: str) -> None:
    """Each package declares `__all__`; what is not in it is private to the package."""
    inits = [file for file in files(room) if file.name == "__init__.py"]
    assert not [str(file.relative_to(ROOT)) for file in inits if not declares_exports(file)]


def test_others_import_what_a_room_exports() -> None:
    """So the modules of a room may change as long as its `__init__` does not."""
    inside = [
        f"{file.relative_to(ROOT)}:{line} reaches {target}"
        for folder in FOLDERS
        for file in files(folder)
        for line, target in reached(file)
        for room in CLOSED
        if target.startswith(f"{room.replace('/', '.')}.") and ROOT / room not in file.parents
    ]
    assert not inside
