"""A loss as a Python file that needs torch alone.

The file holds the very functions that were searched, copied from their source, with the parameters
written into the calls. Nothing is translated, so nothing can be translated wrongly.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn import functional

from .family import Step, in_full_precision, inputs_of, mean, mean_over_labels, mixed, plan, times, weighted_mean
from .formula import formula
from .freeze import constants_read
from .spec import LossSpec

_IMPORTED: dict[str, object] = {"torch": torch, "F": functional, "Tensor": Tensor, "nn": nn}
_INLINE: dict[Callable[..., Tensor], Callable[[Step, LossSpec], str]] = {
    mixed: lambda step, spec: " + ".join(
        source if spec.parameters[name] == 1 else f"{spec.parameters[name]!r} * {source}"
        for source, (_, name) in zip(step.inputs, step.parameters, strict=True)
    ),
    times: lambda step, spec: " * ".join(step.inputs),
    mean: lambda step, spec: "loss.mean()",
    mean_over_labels: lambda step, spec: "loss.flatten(1).mean(1) if loss.dim() > 1 else loss",
    in_full_precision: lambda step, spec: "outputs",
}
_SHAPES = {
    "multiclass": ("(N, K) logits", "(N,) int64 class indices"),
    "binary": ("(N,) logits", "(N,) zeros and ones, floating"),
    "multilabel": ("(N, L) logits", "(N, L) zeros and ones, floating"),
    "regression": ("(N,) or (N, D) predictions", "as the outputs"),
}


def source(spec: LossSpec, provenance: str = "") -> str:
    """The text of a module that defines `Loss`, equal to `freeze(spec)` in value and gradient."""
    steps = plan(spec.kind, spec.parts)
    functions: dict[str, str] = {}
    for step in steps:
        if step.function not in _INLINE:
            _collect(step.function, functions)
    outputs, targets = _SHAPES[spec.kind]
    body = [
        "if outputs.shape != targets.shape:"
        if spec.kind != "multiclass"
        else "if outputs.dim() != 2 or targets.shape != outputs.shape[:1]:",
        f'    raise ValueError(f"outputs must be {outputs}, targets {targets.split(",")[0] if "," not in targets[:4] else targets}; '
        'got {tuple(outputs.shape)} and {tuple(targets.shape)}")',
        "outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))",
    ]
    if any("logits" in step.inputs for step in steps):
        body.append("logits = outputs")
    body += [f"{name} = self.{name}.to(outputs.dtype)" for name in constants_read(spec)]
    body += [_line(step, spec) for step in steps]
    body.append("return loss")
    register = [f'self.register_buffer("{name}", torch.tensor({_literal(getattr(spec, name))}))' for name in constants_read(spec)]
    sections = [
        f'"""{_header(spec, provenance)}"""',
        "import torch\nfrom torch import Tensor, nn\nfrom torch.nn import functional as F  # noqa: F401",
        *functions.values(),
        _class(spec, outputs, targets, register, body),
    ]
    return "\n\n\n".join(sections) + "\n"


def _header(spec: LossSpec, provenance: str) -> str:
    parameters = "\n".join(f"    {name} = {value:g}" for name, value in spec.parameters.items())
    note = f"\n{provenance.strip()}\n" if provenance else ""
    return f"A loss for {spec.kind} problems, found by lossmith.\n\n    {formula(spec)}\n\n{parameters}\n{note}"


def _class(spec: LossSpec, outputs: str, targets: str, register: list[str], body: list[str]) -> str:
    head = f'class Loss(nn.Module):\n    """{formula(spec)}"""\n\n'
    start = "    def __init__(self) -> None:\n        super().__init__()\n"
    constructor = start + "".join(f"        {line}\n" for line in register) + "\n" if register else ""
    forward = "    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:\n"
    documentation = f'        """The loss of one batch. outputs: {outputs}; targets: {targets}."""\n'
    return head + constructor + forward + documentation + "\n".join(f"        {line}" for line in body)


def _line(step: Step, spec: LossSpec) -> str:
    if step.function in _INLINE:
        return f"{step.output} = {_INLINE[step.function](step, spec)}"
    arguments = [*step.inputs, *(f"{keyword}={spec.parameters[name]!r}" for keyword, name in step.parameters)]
    # Parts and quantities may share a name ("log_p" the number, `log_p` the function): functions carry a prefix.
    return f"{step.output} = _{step.function.__name__}({', '.join(arguments)})"


def _literal(value: object) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


def _collect(function: Callable[..., Tensor], into: dict[str, str]) -> None:
    """Put the source of `function`, and of the lossmith functions it calls, into `into`."""
    if function.__name__ in into:
        return
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    scope = vars(_module(function))
    called: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and inspect.isfunction(scope.get(node.id)):
            called.add(node.id)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in scope and node.id not in _IMPORTED:
            if node.id != "Number":
                raise TypeError(f"{function.__name__} uses the global {node.id}; a part may use torch, F and functions only")
    for name in sorted(called):
        _collect(scope[name], into)
    into[function.__name__] = ast.unparse(_Rename(called | {function.__name__}).visit(tree))


def _module(function: Callable[..., Tensor]) -> ModuleType:
    module = inspect.getmodule(function)
    assert module is not None
    return module


class _Rename(ast.NodeTransformer):
    """Prefix functions with an underscore and write the annotation `Number` as `float`."""

    def __init__(self, functions: set[str]) -> None:
        self.functions = functions

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = f"_{node.name}"
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in self.functions:
            node.func.id = f"_{node.func.id}"
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name("float", node.ctx) if node.id == "Number" else node
