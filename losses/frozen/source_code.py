"""A loss as a Python file that needs torch alone.

The file holds the very functions that were searched, copied from their source, with the parameters
written into the calls. Nothing is translated, so nothing can be translated wrongly.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from ..family import inputs as shapes
from ..family import steps
from ..family.fusing import fused
from ..family.steps import Step
from ..family.user_term import UserTerm
from ..spec.formulas import formula
from ..spec.loss_spec import BoundLoss, LossSpec
from .frozen_loss import Folded, folded
from .inline_source import Copies

_INLINE: dict[Callable[..., Tensor], Callable[[Step, LossSpec], str]] = {
    steps.mixed: lambda step, spec: " + ".join(
        source if spec.parameters[name] == 1 else f"{spec.parameters[name]!r} * {source}"
        for source, (_, name) in zip(step.inputs, step.parameters, strict=True)
    ),
    steps.added: lambda step, spec: f"loss + {spec.parameters[step.parameters[0][1]]!r} * {step.inputs[1]}",
    steps.times: lambda step, spec: " * ".join(step.inputs),
    steps.same: lambda step, spec: step.inputs[0],
    steps.mean: lambda step, spec: "loss.mean() if loss.numel() else loss.sum()",
    steps.ones: lambda step, spec: "torch.ones_like(loss)",
}
_IMPORTS = "import torch\nfrom torch import Tensor, nn\nfrom torch.nn import functional as F  # noqa: F401"
_SHAPES = {
    "multiclass": ("(N, K) or (N, K, ...) logits", "(N,) or (N, ...) integer class indices"),
    "binary": ("(N,) logits", "zeros and ones, shaped as the outputs"),
    "multilabel": ("(N, L) logits", "(N, L) zeros and ones"),
    "regression": ("(N,) or (N, D) predictions", "shaped as the outputs"),
}


def source(spec: LossSpec, provenance: str = "") -> str:
    """The text of a module that defines `Loss`, equal to `freeze(spec)` in value and gradient."""
    spec = spec.bind()
    content = folded(spec)
    content = replace(content, steps=fused(spec.kind, content.steps))
    copies = Copies()
    forward = _forward(spec, content, copies)
    imports = [f"{line} {name}" for name, line in copies.imports.items()]
    sections = [
        f'"""{_header(spec, provenance)}"""',
        "\n".join([*imports, _IMPORTS]),
        *copies.texts.values(),
        _class(spec, content, forward),
    ]
    return "\n\n\n".join(sections) + "\n"


def _header(spec: LossSpec, provenance: str) -> str:
    parameters = "\n".join(f"    {name} = {value:g}" for name, value in spec.parameters.items())
    note = f"\n{provenance.strip()}\n" if provenance else ""
    return (
        f"A loss for {spec.kind} problems, found by lossmith.\n\n    {formula(spec)}\n\n{parameters}\n{note}"
    )


def _forward(spec: BoundLoss, content: Folded, copies: Copies) -> list[str]:
    """The lines of `forward`; the functions they call are copied."""
    outputs, targets = _SHAPES[spec.kind]
    wrong, flat = {
        "multiclass": (
            "outputs.dim() < 2 or targets.shape != outputs.shape[:1] + outputs.shape[2:]",
            [
                "if outputs.dim() > 2:",
                "    outputs, targets = outputs.movedim(1, -1).flatten(0, -2), targets.flatten()",
                "targets = targets.long()",
            ],
        ),
        "binary": (
            "outputs.shape != targets.shape",
            ["outputs, targets = outputs.flatten(), targets.flatten()"],
        ),
        "multilabel": ("outputs.shape != targets.shape or outputs.dim() != 2", []),
        "regression": ("outputs.shape != targets.shape", []),
    }[spec.kind]
    if "gaussian_nll" in spec.parts:
        wrong = f"{wrong} and outputs.shape != (*targets.shape, 2)"
    body = [
        f"if {wrong}:",
        (
            f'    raise ValueError(f"outputs must be {outputs}, targets {targets}; '
            'got {tuple(outputs.shape)} and {tuple(targets.shape)}")'
        ),
        *flat,
        "outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))",
    ]
    if spec.kind != "multiclass":
        body.append("targets = targets.to(outputs.dtype)")
    if spec.masked:
        body.append(
            f"outputs, targets, mask = {copies.name(shapes.ignored)}(outputs, targets, {spec.ignore_index})"
        )
    if any("logits" in step.inputs for step in content.steps):
        body.append("logits = outputs")
    body += [f"{name} = self.{name}.to(outputs.dtype)" for name in content.buffers]
    if content.scale is not None:
        body.append(f"target_scale = {content.scale!r}")
    return [*body, *(_line(step, spec, copies) for step in content.steps), "return loss"]


def _class(spec: LossSpec, content: Folded, body: list[str]) -> str:
    outputs, targets = _SHAPES[spec.kind]
    head = f'class Loss(nn.Module):\n    """{formula(spec)}"""\n\n'
    constructor = ""
    if content.buffers:
        constructor = "    def __init__(self) -> None:\n        super().__init__()\n"
        for name, value in content.buffers.items():
            literal = f"torch.tensor({value.tolist()!r}, dtype={value.dtype})"
            constructor += f'        self.register_buffer("{name}", {literal})\n'
        constructor += f"\n{_KEEP_DTYPE}\n"
    forward = "    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:\n"
    documentation = f'        """The loss of one batch. outputs: {outputs}; targets: {targets}."""\n'
    return head + constructor + forward + documentation + "\n".join(f"        {line}" for line in body)


_KEEP_DTYPE = '''    def _apply(self, fn, recurse=True):
        """Move the constants, but keep their dtype: half precision would lose their digits."""
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, value in before.items():
            self._buffers[name] = value.to(self._buffers[name].device)
        return self
'''


def _line(step: Step, spec: LossSpec, copies: Copies) -> str:
    output = ", ".join(step.outputs)
    if step.function in _INLINE:
        return f"{output} = {_INLINE[step.function](step, spec)}"
    function = step.function.loss if isinstance(step.function, UserTerm) else step.function
    keywords = [f"{keyword}={spec.parameters[name]!r}" for keyword, name in step.parameters]
    if inspect.isclass(function):
        return f"{output} = {copies.name(function)}({', '.join(keywords)})({', '.join(step.inputs)})"
    # Parts and quantities may share a name, the number log_p and its function: functions carry a prefix.
    return f"{output} = {copies.name(function)}({', '.join([*step.inputs, *keywords])})"
