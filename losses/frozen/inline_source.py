"""Functions and classes copied from their source into a file that needs torch alone."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional

_IMPORTED: dict[str, object] = {"torch": torch, "F": functional, "Tensor": Tensor, "nn": nn}
_ANNOTATIONS = {"Number": "float", "Any": "object"}  # as they are written in a file that imports torch alone


def collect(found: Callable[..., Any], into: dict[str, str]) -> None:
    """Put the source of a function or class, and of those of lossmith that it uses, into `into`."""
    if found.__name__ in into:
        return
    tree = ast.parse(textwrap.dedent(inspect.getsource(found)))
    tree.body[0].decorator_list = []  # type: ignore[attr-defined]  # `declare` has nothing to say there
    scope = vars(_module(found))
    used: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name):
            continue
        value = scope.get(node.id)
        if inspect.isfunction(value) or _is_gradient(value):
            used.add(node.id)
        elif _is_read(node) and node.id in scope.keys() - _IMPORTED.keys() - _ANNOTATIONS.keys():
            raise TypeError(
                f"{found.__name__} uses the global {node.id}; a part may use torch, F and functions only"
            )
    for name in sorted(used):
        collect(scope[name], into)
    into[found.__name__] = ast.unparse(_Rename(used | {found.__name__}).visit(tree))


def _is_gradient(value: object) -> bool:
    """Whether this is an operation with a gradient of its own."""
    return inspect.isclass(value) and issubclass(value, torch.autograd.Function)


def _is_read(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)


def _module(function: Callable[..., Any]) -> ModuleType:
    module = inspect.getmodule(function)
    assert module is not None
    return module


class _Rename(ast.NodeTransformer):
    """Prefix functions and classes with an underscore and write annotations in plain Python."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = f"_{node.name}" if node.name in self.names else node.name
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = f"_{node.name}"
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """`f(x)` and `F.apply(x)`; a tensor may have the name of a function."""
        func = node.func
        called = func.value if isinstance(func, ast.Attribute) and func.attr == "apply" else func
        if isinstance(called, ast.Name) and called.id in self.names:
            called.id = f"_{called.id}"
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(_ANNOTATIONS.get(node.id, node.id), node.ctx)
