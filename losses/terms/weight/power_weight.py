"""Weights by a power of the class frequency."""

from __future__ import annotations

from torch import Tensor

from ...declarations import COUNTED, SIGNED, Number, Parameter, Part, Standard


def power_weight(target_count: Tensor, *, rho: Number) -> Tensor:
    """n_t^-rho per sample; the mean over the batch divides by the sum of the weights, as torch does.

    Args:
        target_count: The training samples that share the class or answer of each target, of the targets'
            shape.
        rho: At least 0; how much more a sample of a rare class counts.
    """
    return target_count**-rho


PART = Part(
    name="power_weight",
    stage="weight",
    kinds=COUNTED,
    function=power_weight,
    formula="n_t^-{rho}",
    latex=r"n_t^{{-{rho}}}",
    source="Huang et al. 2016; rho = 1 is inverse frequency, 1/2 its square root (Mahajan et al. 2018)",
    parameters=(
        Parameter(
            "rho",
            default=1,
            search=(0.1, 1.5),
            domain=(0, float("inf")),
            neutral=0,
            about="how much more a sample of a rare class counts",
        ),
    ),
    standards={
        "inverse_frequency": Standard({"mix.cross_entropy": 1, "power_weight.rho": 1}, ("multiclass",)),
        "weighted_bce": Standard({"mix.cross_entropy": 1, "power_weight.rho": 1}, SIGNED),
    },
    broadcasts=True,
)
