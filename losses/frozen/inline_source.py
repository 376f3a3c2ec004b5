"""Functions and classes copied from their source into a file that needs torch alone."""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import UserError

IMPORTED: Mapping[str, object] = {"torch": torch, "F": functional, "Tensor": Tensor, "nn": nn}
_ANNOTATIONS = {"Number": "float", "Any": "object"}  # as they are written in a file that imports torch alone
_SECTION = re.compile(r"\n\n *(?:Args|Raises|Returns|Attributes):\n.*", re.DOTALL)
_PLAIN = (int, float, str, bool, type(None))
_STANDING_ALONE = {"torch", *sys.stdlib_module_names}


class Copies:
    """What has been copied so far, and what it needs: `texts` by name, dependencies first, and `imports`.

    Functions and classes of lossmith and of users are copied; numbers and words that they read from their
    modules are written in their place; what comes from torch or the standard library is imported.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.imports: dict[str, str] = {}
        self._names: dict[Callable[..., Any], str] = {}

    def name(self, found: Callable[..., Any]) -> str:
        """The name under which a function or class stands in the file, copied where it was not yet.

        Raises:
            UserError: it cannot stand alone; the message names what it uses.
        """
        if found in self._names:
            return self._names[found]
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(found)))
        except (TypeError, OSError, SyntaxError) as error:
            shown = getattr(found, "__name__", type(found).__name__)
            raise UserError(
                f"{shown} must be a function or a class in a file, to be written into loss.py, but its "
                "source cannot be found"
            ) from error
        self._names[found] = self._free(f"_{found.__name__}")
        top = tree.body[0]
        top.decorator_list = []  # type: ignore[attr-defined]  # `declare` has nothing to say there
        top.name = self._names[found]  # type: ignore[attr-defined]
        _shorten(top)
        module = inspect.getmodule(found)
        text = ast.unparse(_StandingAlone(self, found.__name__, vars(module), tree).visit(tree))
        self.texts[self._names[found]] = text
        return self._names[found]

    def import_of(self, value: Any, alias: str) -> str | None:
        """The name by which `value` is imported from torch or the standard library; None for all else.

        Args:
            value: A module, function or class.
            alias: Its name in the file, where nothing else has it.
        """
        if isinstance(value, ModuleType):
            line, home = f"import {value.__name__} as", value.__name__
        else:
            home, own = getattr(value, "__module__", None) or "", getattr(value, "__name__", "")
            line = f"from {home} import {own} as"
            if getattr(sys.modules.get(home), own, None) is not value:
                return None
        if home.partition(".")[0] not in _STANDING_ALONE:
            return None
        if line not in self.imports.values():
            self.imports[self._free(f"_{alias}")] = line
        return next(name for name, known in self.imports.items() if known == line)

    def _free(self, name: str) -> str:
        """The name, with a number behind it where something else has it."""
        taken = {*self._names.values(), *self.imports}
        return next(n for n in (name, *(f"{name}_{i}" for i in range(2, 1000))) if n not in taken)


class _StandingAlone(ast.NodeTransformer):
    """Rewrite what a function reads from its module, so that it can stand in another file."""

    def __init__(self, copies: Copies, owner: str, scope: Mapping[str, Any], tree: ast.AST) -> None:
        self.copies, self.owner, self.scope = copies, owner, scope
        self.local = {
            n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        self.local |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in _ANNOTATIONS:
            return ast.Name(_ANNOTATIONS[node.id], node.ctx)
        if node.id in self.local or node.id not in self.scope:
            return node
        return self._written(node.id, self.scope[node.id], node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """`beside.SCALE`, where `beside` is a module of the user's."""
        module = self.scope.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if not isinstance(module, ModuleType) or module.__name__.partition(".")[0] in _STANDING_ALONE:
            return self.generic_visit(node)
        return self._written(f"{module.__name__}.{node.attr}", getattr(module, node.attr, module), node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Annotations of users may be anything; ours are of torch and Python."""
        if node.annotation is not None and not self._is_known(node.annotation):
            node.annotation = None
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.returns is not None and not self._is_known(node.returns):
            node.returns = None
        return self.generic_visit(node)

    def _is_known(self, annotation: ast.AST) -> bool:
        names = {n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)}
        return all(n in IMPORTED or n in _ANNOTATIONS or hasattr(builtins, n) for n in names)

    def _written(self, name: str, value: Any, node: ast.expr) -> ast.AST:
        """How a value that the function reads is written in the file."""
        if value is UserError:
            return ast.Name("ValueError", ast.Load())  # which it is, too
        if IMPORTED.get(name) is value and name in IMPORTED:
            return node
        if isinstance(value, _PLAIN) or (
            isinstance(value, tuple) and all(isinstance(v, _PLAIN) for v in value)
        ):
            return ast.parse(_literal(value), mode="eval").body
        imported = self.copies.import_of(value, name.rpartition(".")[2])
        if imported is not None:
            return ast.Name(imported, ast.Load())
        if inspect.isfunction(value) or inspect.isclass(value):
            return ast.Name(self.copies.name(value), ast.Load())
        raise UserError(
            f"{self.owner} must read numbers, words, functions, torch and the standard library alone, to be "
            f"written into loss.py, but it reads {name}, of type {type(value).__name__}"
        )


def _shorten(top: ast.AST) -> None:
    """Leave out of a docstring what it says of arguments and errors."""
    match top:
        case ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str(text)) as docstring), *_]):
            docstring.value = _SECTION.split(text)[0]


def _literal(value: object) -> str:
    """A plain value as Python."""
    if isinstance(value, tuple):
        return f"({''.join(f'{_literal(part)}, ' for part in value)})"
    return f"float('{value}')" if isinstance(value, float) and not math.isfinite(value) else repr(value)
