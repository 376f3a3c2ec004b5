"""Conditional value at risk: the mean of the worst."""

from __future__ import annotations

from torch import Tensor

from ...declarations import EVERY, Number, Parameter, Part
from ...numerics import worst


def cvar(loss: Tensor, weight: Tensor, *, fraction: Number) -> Tensor:
    """The weights (N,) of the worst `fraction` of their sum, the last sample in part.

    Args:
        loss: (N,).
        weight: (N,), at least 0.
        fraction: In (0, 1]; the share of a batch that is trained on.
    """
    return worst(loss, weight, fraction)


PART = Part(
    name="cvar",
    stage="select",
    kinds=EVERY,
    function=cvar,
    formula="the worst {fraction}",
    latex=r"\text{{the worst }} {fraction}",
    source="Rockafellar and Uryasev 2000; Fan et al. 2017, Learning with Average Top-k Loss",
    parameters=(
        Parameter(
            "fraction",
            default=0.5,
            domain=(0, 1),
            search=(0.05, 1),
            open_low=True,
            log=True,
            neutral=1,
            about="the share of a batch that is trained on",
        ),
    ),
    order=1,
)
