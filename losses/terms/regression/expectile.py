"""Expectile loss."""

from __future__ import annotations

from torch import Tensor

from ...declarations import Number, Parameter, Part


def expectile(residual: Tensor, *, tau: Number) -> Tensor:
    """(1 - tau) r^2 where the prediction is too high, tau r^2 where it is too low, per sample.

    Args:
        residual: (N,) or (N, D), prediction minus target, in units of the targets' spread.
        tau: In [0, 1]; which expectile is predicted.
    """
    too_high = (residual > 0).to(residual.dtype)
    return (tau + (1 - 2 * tau) * too_high) * residual * residual


def _same_as(tau: float) -> dict[str, float] | None:
    """Half of the squared error at 1/2."""
    return {"mix.mse": 0.5} if tau == 0.5 else None


PART = Part(
    name="expectile",
    stage="term",
    kinds=("regression",),
    function=expectile,
    formula="expectile(r; {tau})",
    latex=r"E_{{{tau}}}(r)",
    source="Newey and Powell 1987, Asymmetric Least Squares",
    parameters=(
        Parameter(
            "tau", default=0.5, search=(0.05, 0.95), domain=(0, 1), about="which expectile is predicted"
        ),
    ),
    same_as=_same_as,
    broadcasts=True,
)
