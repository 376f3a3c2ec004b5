"""A loss with its numbers filled in: an `nn.Module` for a training script."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..family import Step, check_weight, fused, ignored, in_full_precision, plan, run, shaped, weighed
from ..kinds import Kind, kind_named
from ..spec import BoundLoss, LossSpec
from .any_rank import flat
from .call import no_others, standardised
from .target_check import checked_targets, wrong_targets

_NEEDS = {
    "class_counts": "the training samples of each class; bind them with spec.bind(class_counts=[...])",
    "target_scale": "the spread of the training targets; bind it with spec.bind(target_scale=...)",
}


def constants_read(spec: LossSpec) -> tuple[str, ...]:
    """The constants of the training data that a loss reads, by name."""
    return _constants_read(spec.kind, spec.parts)


@cache
def _constants_read(kind: Kind, parts: frozenset[str]) -> tuple[str, ...]:
    inputs = {name for step in plan(kind, parts) for name in step.inputs}
    return tuple(name for name in _NEEDS if name in inputs)


@dataclass(frozen=True)
class Folded:
    """What a frozen loss consists of: tensors that depend on the training data alone, a scale, and steps.

    Args:
        buffers: what the steps read and the class counts determine, computed in float64 (the counts
            themselves are integers), and the units of the targets.
        scale: the spread of the targets, where a step reads it.
        steps: what is left to compute of a batch.
    """

    buffers: dict[str, Tensor]
    scale: float | None
    steps: tuple[Step, ...]


def folded(spec: BoundLoss, *, weighted: bool = False) -> Folded:
    """The loss with every step taken in advance that depends on the training set alone.

    Args:
        spec: the loss.
        weighted: whether samples have weights.

    Raises:
        UserError: the loss reads a constant that the spec is not bound to.
    """
    for name in constants_read(spec):
        if getattr(spec, name) is None:
            raise UserError(f"this loss reads {name}, which is not set: it is {_NEEDS[name]}")
    known: dict[str, Tensor] = {}
    if spec.class_counts is not None:
        known["class_counts"] = torch.tensor(spec.class_counts)
    steps = []
    for step in plan(spec.kind, spec.parts, masked=spec.masked or weighted):
        if step.inputs and not step.parameters and known.keys() >= set(step.inputs):
            inputs = (known[name].double() for name in step.inputs)
            known[step.outputs[0]] = step.function(*inputs)
        else:
            steps.append(step)
    read = {name for step in steps for name in step.inputs}
    buffers = {name: value for name, value in known.items() if name in read}
    if spec.target_units is not None:
        mean, spread = (torch.tensor(value, dtype=torch.float64) for value in spec.target_units)
        buffers |= {"mean": mean, "spread": spread}
    return Folded(buffers, spec.target_scale if "target_scale" in read else None, tuple(steps))


class FrozenLoss(nn.Module):
    """The loss a spec describes, on `(outputs, targets)`.

    Stateless but for what the training data determines, which `state_dict` carries. Half-precision outputs
    are computed in float32; converting the module to another dtype leaves its constants as they are, for
    they would lose digits. Copies and pickles are the same loss.

    Shapes, dtypes and the number of columns are checked at every call. A target that is no class, neither 0
    nor 1, or not finite raises `UserError` on a CPU. On a GPU, compiled or under `vmap`, where a look would
    stop the device or break the graph, it makes the loss NaN.

        >>> import torch
        >>> from lossmith.losses import LossSpec, freeze
        >>> loss = freeze(LossSpec("multiclass", {"mix.cross_entropy": 1, "focal.gamma": 2}))
        >>> loss(torch.zeros(4, 2), torch.tensor([0, 1, 1, 0]))  # ln(2) / 4
        tensor(0.1733)

    Args:
        spec: the loss, bound to the constants that it reads.

    Raises:
        UserError: the loss reads a constant that the spec is not bound to.
    """

    def __init__(self, spec: LossSpec) -> None:
        super().__init__()
        self.spec = spec = spec.bind()
        content, weighted = folded(spec), folded(spec, weighted=True)
        self._plain = {False: content.steps, True: weighted.steps}  # by whether samples have weights
        self._steps = {has: fused(spec.kind, steps) for has, steps in self._plain.items()}
        self._names, self._scale = tuple(content.buffers), content.scale
        self.two_outputs = "gaussian_nll" in spec.parts
        for name, value in content.buffers.items():
            self.register_buffer(name, value)
            self.register_buffer(_single(name), value.float(), persistent=False)
        self.register_load_state_dict_post_hook(_round)  # type: ignore[no-untyped-call]

    def forward(
        self,
        outputs: Tensor,
        targets: Tensor,
        *others: Any,
        sample_weight: Tensor | None = None,
        **keywords: Any,
    ) -> Tensor:
        """The loss of one batch, a 0-d tensor with gradient to `outputs`.

        Args:
            outputs: what a model puts out: logits (N, K), (N, K, ...), (N,) or (N, L); predictions (N, ...).
            targets: classes (N,) or (N, ...); zeros and ones, or numbers, shaped as the outputs.
            others: none.
            sample_weight: how much each sample counts, (N,), at least 0; None for alike. An exported program
                has none.
            keywords: what trainers pass besides, where it changes nothing: `num_items_in_batch`, and whatever
                is None.

        Raises:
            UserError: shapes or dtypes do not fit, targets are wrong, or there are further arguments.
        """
        no_others(others, keywords)
        if sample_weight is not None:
            check_weight(sample_weight, len(outputs))
        spec, exporting = self.spec, torch.compiler.is_exporting()
        if exporting:
            outputs, targets = flat(spec.kind, outputs, targets, two_outputs=self.two_outputs)
        else:
            outputs, targets = shaped(spec.kind, outputs, targets, two_outputs=self.two_outputs)
        check_columns(columns_of(spec), outputs)
        targets, factor = self._checked(outputs, targets)
        outputs = in_full_precision(outputs)
        if exporting:
            targets = targets.long() if kind_named(spec.kind).target == "class" else targets.to(outputs.dtype)
        # To convert them here would be done again for every sample by what is compiled.
        double = outputs.dtype == torch.float64
        values: dict[str, Any] = {
            n: getattr(self, n).double() if double else getattr(self, _single(n)) for n in self._names
        }
        if spec.target_units is not None:
            outputs, targets = standardised(outputs, targets, values["mean"], values["spread"])
        if spec.masked:
            outputs, targets, values["mask"] = ignored(outputs, targets, spec.ignore_index)
        if sample_weight is not None:
            outputs, values["mask"] = weighed(outputs, targets, sample_weight, values.get("mask"))
        values |= {"outputs": outputs, "logits": outputs, "targets": targets, "target_scale": self._scale}
        steps = self._plain if exporting or _transformed() else self._steps
        loss = run(steps[sample_weight is not None], values, spec.parameters)
        return loss if factor is None else loss * factor

    def _checked(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor | None]:
        spec = self.spec
        rule, most = target_rule(spec, outputs.shape[-1] - 1)
        if torch.compiler.is_exporting():  # an assertion raises on a CPU and stops a GPU
            right = ~wrong_targets(targets, most, ignored_target(spec)).any()
            torch._assert_async(right, rule)  # noqa: SLF001
            return targets, None
        return checked_targets(targets, rule, most, ignored_target(spec))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FrozenLoss:  # noqa: FBT001, FBT002
        """Move the constants, but keep their dtype."""
        before = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, value in before.items():
            moved = self._buffers[name]
            if value is not None and moved is not None and moved.dtype != value.dtype:
                self._buffers[name] = value.to(moved.device)
        return self

    def _repr_html_(self) -> str:
        return self.spec._repr_html_()

    def extra_repr(self) -> str:
        """The parameters, for `print(loss)`."""
        return ", ".join(f"{name}={value:g}" for name, value in self.spec.parameters.items())


def _transformed() -> bool:
    """Whether a transform such as `vmap` or `jvp` is at work: plain operations have all derivatives."""
    if torch.compiler.is_compiling():
        return False
    active: bool = torch._C._are_functorch_transforms_active()  # noqa: SLF001  (there is no public way to ask)
    return active


def _single(name: str) -> str:
    """The buffer that holds a constant in float32."""
    return f"{name}_float32"


def _round(loss: FrozenLoss, _: object) -> None:
    """Make the constants in float32 of those that a state dict has brought."""
    for name in loss._names:  # noqa: SLF001  (its own hook)
        getattr(loss, _single(name)).copy_(getattr(loss, name))


def target_rule(spec: BoundLoss, last: Any) -> tuple[str, Any]:
    """What targets must be in words, and the largest whole number from 0 that they may be.

    Args:
        spec: the loss.
        last: the number of the last class, or what stands for it.

    Returns:
        The rule, and None for the number where targets may be any.
    """
    target = kind_named(spec.kind).target
    if target == "number":
        return f"{spec.kind} targets must be finite numbers{', or NaN' * spec.ignore_nan}", None
    ignoring = "" if spec.ignore_index is None else f", or the ignored {spec.ignore_index}"
    if target == "class":
        shown = "K - 1" if torch.compiler.is_compiling() else last  # to write a number would fix it
        return f"{spec.kind} targets must be class indices from 0 to {shown}{ignoring}", last
    return f"{spec.kind} targets must be 0 or 1{ignoring}", 1


def ignored_target(spec: BoundLoss) -> float | None:
    """The target that does not count, NaN for NaN; None where all do."""
    return math.nan if spec.ignore_nan else spec.ignore_index


def columns_of(spec: BoundLoss) -> int | None:
    """How many columns outputs must have, as many as the class counts; None where any number will do."""
    one_column = kind_named(spec.kind).target == "answer" and not kind_named(spec.kind).several
    return None if spec.class_counts is None or one_column else len(spec.class_counts)


def check_columns(wanted: int | None, outputs: Tensor) -> None:
    """Raise `UserError` unless outputs (N, K) have as many classes or labels as the loss has counts.

    Args:
        wanted: Of `columns_of`.
        outputs: In the shapes of `shaped`.
    """
    if wanted is not None and outputs.shape[-1] != wanted:
        raise UserError(
            f"outputs must have {wanted} columns, for as many class counts is this loss "
            f"bound to, but they have {outputs.shape[-1]}"
        )


def freeze(spec: LossSpec) -> FrozenLoss:
    """The loss as a module with its constants folded.

    Args:
        spec: the loss, bound to the constants that it reads: `spec.bind(class_counts=[...])`.

    Raises:
        UserError: the loss reads a constant that the spec is not bound to.
    """
    return FrozenLoss(spec)
