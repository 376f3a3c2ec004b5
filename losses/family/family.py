"""The losses that some parts can form, as one function of all their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..declarations import Kind, Number
from .planning import plan
from .steps import in_full_precision, run


@dataclass(frozen=True)
class Family:
    """The losses of one kind that some parts can form, as a function of all their parameters.

    Args:
        kind: The kind of problem.
        parts: The names of the parts, one term at least.
    """

    kind: Kind
    parts: frozenset[str]

    def __call__(
        self,
        outputs: Tensor,
        targets: Tensor,
        parameters: Mapping[str, Number],
        constants: Mapping[str, Tensor],
        mask: Tensor | None = None,
    ) -> Tensor:
        """The loss of one batch, a 0-d tensor.

        No branch depends on the values of anything; under `vmap` all may be batched.

        Args:
            outputs: Logits (N, K) for multiclass, (N,) for binary, (N, L) for multilabel; numbers (N, ...).
            targets: int64 (N,) for multiclass, else floating and shaped as `outputs`.
            parameters: A float or a 0-d tensor for every parameter of the parts, and a weight `mix.TERM` for
                every term.
            constants: What is known of the training data, by name.
            mask: How much each target counts, shaped as the targets: 0 where it is ignored, else 1 or the
                weight of its sample (see `weighed`); None for alike.
        """
        outputs = in_full_precision(outputs)
        values: dict[str, Tensor] = {"outputs": outputs, "logits": outputs, "targets": targets}
        values |= {name: value.to(outputs.dtype) for name, value in constants.items()}
        if mask is not None:
            values["mask"] = mask.to(outputs.dtype)
        return run(plan(self.kind, self.parts, masked=mask is not None), values, parameters)
