"""Mean absolute error of a regression."""

from __future__ import annotations

from torch import Tensor

from ...declarations import Part, Standard


def absolute(residual: Tensor) -> Tensor:
    """|r| per sample."""
    return residual.abs()


PART = Part(
    name="absolute",
    stage="term",
    kinds=("regression",),
    function=absolute,
    formula="|r|",
    latex=r"|r|",
    source="Boscovich 1757; Laplace 1774",
    standards={"mae": Standard()},
    broadcasts=True,
)
