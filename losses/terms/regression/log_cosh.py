"""Log-cosh."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from ...declarations import Part, Standard


def log_cosh(residual: Tensor) -> Tensor:
    """ln cosh r per sample, as |r| + ln(1 + exp(-2 |r|)) - ln 2, which cannot overflow."""
    size = residual.abs()
    return size + F.softplus(-2 * size) - 0.6931471805599453


PART = Part(
    name="log_cosh",
    stage="term",
    kinds=("regression",),
    function=log_cosh,
    formula="ln cosh r",
    latex=r"\ln\cosh r",
    source="Green 1990, Bayesian Reconstructions from Emission Tomography Data",
    standards={"log_cosh": Standard()},
    broadcasts=True,
)
