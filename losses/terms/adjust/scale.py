"""Temperature."""

from __future__ import annotations

from torch import Tensor

from ...declarations import CLASSIFICATION, Number, Parameter, Part


def scale(logits: Tensor, *, s: Number) -> Tensor:
    """z * s: large s sharpens the probabilities; s is one over the temperature.

    Args:
        logits: (N, K), (N,) or (N, L).
        s: Above 0; inverse temperature; cosine logits want 16 to 64.
    """
    return logits * s


PART = Part(
    name="scale",
    stage="adjust",
    kinds=CLASSIFICATION,
    function=scale,
    formula="z -> {s} z",
    latex=r"z \to {s}\,z",
    source="Hinton et al. 2015, Distilling the Knowledge in a Neural Network, eq. 1",
    parameters=(
        Parameter(
            "s",
            default=1,
            search=(0.1, 64),
            domain=(0, float("inf")),
            open_low=True,
            log=True,
            neutral=1,
            about="inverse temperature; cosine logits want 16 to 64",
        ),
    ),
    order=1,
    broadcasts=True,
)
