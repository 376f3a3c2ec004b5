"""Epsilon-insensitive loss."""

from __future__ import annotations

from torch import Tensor

from ...declarations import Number, Parameter, Part


def epsilon_insensitive(residual: Tensor, *, epsilon: Number) -> Tensor:
    """max(0, |r| - epsilon) per sample.

    Args:
        residual: (N,) or (N, D), prediction minus target, in units of the targets' spread.
        epsilon: At least 0; errors up to this size are free, in units of the target's spread.
    """
    return (residual.abs() - epsilon).clamp(min=0)


def _same_as(epsilon: float) -> dict[str, float] | None:
    """The absolute error at 0."""
    return {"mix.absolute": 1.0} if epsilon == 0 else None


PART = Part(
    name="epsilon_insensitive",
    stage="term",
    kinds=("regression",),
    function=epsilon_insensitive,
    formula="max(0, |r| - {epsilon})",
    latex=r"\max(0, |r| - {epsilon})",
    source="Vapnik 1995, The Nature of Statistical Learning Theory",
    parameters=(
        Parameter(
            "epsilon",
            default=0.1,
            search=(0.01, 0.5),
            domain=(0, float("inf")),
            log=True,
            about="errors up to this size are free, in units of the target's spread",
        ),
    ),
    same_as=_same_as,
    broadcasts=True,
)
