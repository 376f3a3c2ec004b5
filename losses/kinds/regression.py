"""A number, or several, for each sample."""

from __future__ import annotations

import torch
from torch import Tensor

from .problem_kind import ProblemKind


def _random_targets(outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers of the shape of the outputs."""
    return torch.randn(outputs.shape, generator=generator, dtype=torch.float64).to(outputs.dtype)


KIND = ProblemKind(
    name="regression",
    order=4,
    about="a number, or several",
    target="number",
    single=False,
    constant="target_scale",
    decision=None,
    usual_loss="mse",
    usual_metrics=("r2",),
    outputs_shape="(N,) or (N, D) predictions",
    targets_shape="shaped as the outputs",
    letters="r is the residual, prediction minus target, in units of the targets' spread",
    outputs_for=lambda targets: targets.shape[1] if targets.dim() == 2 else 1,
    predictions=lambda outputs: outputs,
    probabilities=lambda outputs: outputs,
    random_targets=_random_targets,
)
