"""Mean squared error."""

from __future__ import annotations

from torch import Tensor

from ...declarations import Part, Standard


def mse(residual: Tensor) -> Tensor:
    """r^2 per sample."""
    return residual.square()


PART = Part(
    name="mse",
    stage="term",
    kinds=("regression",),
    function=mse,
    formula="r^2",
    latex=r"r^2",
    source="Legendre 1805; Gauss 1809",
    standards={"mse": Standard()},
    broadcasts=True,
)
