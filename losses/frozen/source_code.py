"""A loss as a Python file that needs torch alone.

The file holds the very functions that were searched, copied from their source, with the parameters
written into the calls. Nothing is translated, so nothing can be translated wrongly.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from torch import Tensor

from ..family import Step, UserTerm, fused, inputs, steps
from ..kinds import kind_named
from ..spec import BoundLoss, LossSpec, formula
from . import call
from .frozen_loss import Folded, columns_of, folded, target_rule
from .inline_source import Copies
from .target_check import checked_targets

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
_WHEN_CHECKED = """\
Shapes, dtypes and the number of columns are checked at every call. A target that is not what it must be
raises ValueError on a CPU; on a GPU, compiled or under vmap, where a look would stop the device or break
the graph, it makes the loss NaN.
"""


def source(spec: LossSpec, provenance: str = "") -> str:
    """The text of a module that defines `Loss`, equal to `freeze(spec)` in value, gradient and refusals.

    Args:
        spec: the loss, bound to the constants that it reads.
        provenance: what the module's docstring says besides, without quotation marks and backslashes.

    Raises:
        UserError: the loss reads a constant that the spec is not bound to, or is a user's own that cannot
            stand alone.
    """
    spec = spec.bind()
    content, copies = folded(spec), Copies()
    forward = _forward(spec, content, copies)
    imports = [f"{line} {name}" for name, line in copies.imports.items()]
    sections = [
        f'"""{_header(spec, provenance)}"""',
        "\n".join([*imports, _IMPORTS]),
        *copies.texts.values(),
        _class(spec, content, forward),
    ]
    return "\n\n\n".join(sections) + "\n"


def _header(spec: BoundLoss, provenance: str) -> str:
    parameters = "\n".join(f"    {name} = {value:g}" for name, value in spec.parameters.items())
    notes = [_WHEN_CHECKED]
    if spec.target_units:
        notes.append(_units_note(spec))
    if provenance:
        notes.append(f"{provenance.strip()}\n")
    return (
        f"A loss for {spec.kind} problems, found by lossmith.\n\n    {formula(spec)}\n\n{parameters}\n\n"
        + "\n".join(notes)
    )


def _units_note(spec: BoundLoss) -> str:
    assert spec.target_units is not None
    mean, spread = (_numbers(value) for value in spec.target_units)
    return (
        "Outputs and targets are in the targets' own units. The loss takes off their mean and divides by\n"
        f"their spread as the search did: mean = {mean}, spread = {spread}. The learning rate found with\n"
        "it is for a model whose predictions are `loss.mean + loss.spread * model(inputs)`.\n"
    )


def _numbers(value: float | tuple[float, ...]) -> str:
    return f"{value:.6g}" if isinstance(value, float) else f"({', '.join(f'{one:.6g}' for one in value)})"


def _forward(spec: BoundLoss, content: Folded, copies: Copies) -> list[str]:
    """The lines of `forward`; the functions they call are copied."""
    found = kind_named(spec.kind)
    shapes, entered = copies.name(found.shaped), copies.name(inputs.entered)
    two = ", two_outputs=True" if "gaussian_nll" in spec.parts else ""
    body = [
        f"{copies.name(call.no_others)}(others, keywords)",
        "if sample_weight is not None:",
        f"    {copies.name(inputs.check_weight)}(sample_weight, len(outputs))",
        f"outputs, targets = {entered}({shapes}, outputs, targets{two})",
    ]
    if (wanted := columns_of(spec)) is not None:
        body += [
            f"if outputs.shape[-1] != {wanted}:",
            f'    raise ValueError(f"outputs must have {wanted} columns, but have {{outputs.shape[-1]}}")',
        ]
    rule, most = target_rule(spec, "{outputs.shape[-1] - 1}")
    most = "outputs.shape[-1] - 1" if found.target == "class" else most
    body += [
        f'rule = {"f" * (found.target == "class")}"{rule}"',
        f"targets, factor = {copies.name(checked_targets)}(targets, rule, {most}, {_ignored(spec)})",
        "outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))",
    ]
    if found.target != "class":
        body.append("targets = targets.to(outputs.dtype)")
    body += [f"{name} = self.{name}.to(outputs.dtype)" for name in content.buffers]
    if spec.target_units is not None:
        body.append(f"outputs, targets = {copies.name(call.standardised)}(outputs, targets, mean, spread)")
    if spec.masked:
        ignored = copies.name(inputs.ignored)
        body.append(f"outputs, targets, mask = {ignored}(outputs, targets, {spec.ignore_index})")
    if content.scale is not None:
        body.append(f"target_scale = {content.scale!r}")
    body += _steps(spec, content, copies)
    return [*body, "return loss if factor is None else loss * factor"]


def _steps(spec: BoundLoss, content: Folded, copies: Copies) -> list[str]:
    """The lines from logits to the loss, of samples that count alike and of those that have weights."""
    plain, weighted = (
        [_line(step, spec, copies) for step in fused(spec.kind, folded(spec, weighted=has).steps)]
        for has in (False, True)
    )
    weighed = copies.name(inputs.weighed)
    logits = ["logits = outputs"] * any("logits" in step.inputs for step in content.steps)
    if spec.masked:  # with weights it has other numbers, and the same steps
        there = f"    outputs, mask = {weighed}(outputs, targets, sample_weight, mask)"
        return ["if sample_weight is not None:", there, *logits, *weighted]
    there = f"outputs, mask = {weighed}(outputs, targets, sample_weight)"
    alike, unlike = (
        [f"    {line}" for line in lines] for lines in ([*logits, *plain], [there, *logits, *weighted])
    )
    return ["if sample_weight is None:", *alike, "else:", *unlike]


def _ignored(spec: BoundLoss) -> str:
    """The target that does not count, as Python."""
    return "torch.nan" if spec.ignore_nan else repr(spec.ignore_index)


def _class(spec: BoundLoss, content: Folded, body: list[str]) -> str:
    found = kind_named(spec.kind)
    head = f'class Loss(nn.Module):\n    """{formula(spec)}"""\n\n'
    constructor = ""
    if content.buffers:
        constructor = "    def __init__(self) -> None:\n        super().__init__()\n"
        for name, value in content.buffers.items():
            literal = f"torch.tensor({value.tolist()!r}, dtype={value.dtype})"
            constructor += f'        self.register_buffer("{name}", {literal})\n'
        constructor += f"\n{_KEEP_DTYPE}\n"
    arguments = "outputs: Tensor, targets: Tensor, *others, sample_weight: Tensor | None = None, **keywords"
    forward = f"    def forward(self, {arguments}) -> Tensor:\n"
    shapes = f"Outputs: {found.outputs_shape}; targets: {found.targets_shape}"
    documentation = f'''        """The loss of one batch.

        {shapes}; sample_weight: how much each sample counts, (N,).
        Other keywords that trainers pass are taken where they change nothing.
        """
'''
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
