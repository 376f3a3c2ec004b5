"""Weight of positives."""

from __future__ import annotations

from torch import Tensor

from ...declarations import SIGNED, Number, Parameter, Part, Standard


def pos_weight(targets: Tensor, *, weight: Number) -> Tensor:
    """`weight` for a yes, 1 for a no. The mean still divides by the number of samples, as torch's does.

    Lin et al.'s alpha is weight / (1 + weight): the same loss, times 1 - alpha.

    Args:
        targets: (N,) or (N, L), 1 for a yes, 0 for a no.
        weight: Above 0; how much more a yes counts.
    """
    return 1 + (weight - 1) * targets


PART = Part(
    name="pos_weight",
    stage="modulate",
    kinds=SIGNED,
    function=pos_weight,
    formula="(y {weight} + 1 - y)",
    latex=r"{weight}^{{y}}",
    source="torch.nn.BCEWithLogitsLoss(pos_weight); Lin et al. 2017, Focal Loss, eq. 3",
    parameters=(
        Parameter(
            "weight",
            default=3,
            domain=(0, float("inf")),
            search=(0.1, 100),
            open_low=True,
            log=True,
            neutral=1,
            about="how much more a yes counts",
        ),
    ),
    standards={
        "focal": Standard({"mix.cross_entropy": 1, "focal.gamma": 2, "pos_weight.weight": 1 / 3}),
    },
    order=1,
    broadcasts=True,
)
