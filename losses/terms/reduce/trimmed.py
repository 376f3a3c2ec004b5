"""Trimmed mean."""

from __future__ import annotations

from torch import Tensor

from ...declarations import EVERY, Number, Parameter, Part
from ...numerics import worst


def trimmed(loss: Tensor, weight: Tensor, *, share: Number) -> Tensor:
    """The weights (N,) without the worst `share` of their sum, the last sample in part.

    Args:
        loss: (N,).
        weight: (N,), at least 0.
        share: In [0, 0.9]; the share of a batch that is taken for mislabelled.
    """
    return weight - worst(loss, weight, share)


PART = Part(
    name="trimmed",
    stage="select",
    kinds=EVERY,
    function=trimmed,
    formula="without the worst {share}",
    latex=r"\text{{without the worst }} {share}",
    source="Rousseeuw 1984, Least Median of Squares Regression; Shen and Sanghavi 2019",
    parameters=(
        Parameter(
            "share",
            default=0.1,
            domain=(0, 0.9),
            search=(0.01, 0.5),
            neutral=0,
            about="the share of a batch that is taken for mislabelled",
        ),
    ),
)
