"""Logit adjustment."""

from __future__ import annotations

from torch import Tensor

from ...declarations import COUNTED, Number, Parameter, Part, Standard


def logit_adjustment(logits: Tensor, log_prior: Tensor, *, tau: Number) -> Tensor:
    """z_j + tau ln pi_j: in training, frequent classes get a head start that rare ones must overcome.

    Where the outputs are yes-or-no logits, the prior is ln(positives / negatives).

    Args:
        logits: (N, K), (N,) or (N, L).
        log_prior: ln of the class shares in training, (K,); for answers ln(positives / negatives), () or
            (L,).
        tau: At least 0; 1 aims at the balanced error; more favours rare classes further.
    """
    return logits + tau * log_prior


PART = Part(
    name="logit_adjustment",
    stage="adjust",
    kinds=COUNTED,
    function=logit_adjustment,
    formula="z_j -> z_j + {tau} ln pi_j",
    latex=r"z_j \to z_j + {tau} \ln \pi_j",
    source="Menon et al. 2021, Long-tail learning via logit adjustment, eq. 10; tau = 1 is Ren et al. 2020",
    parameters=(
        Parameter(
            "tau",
            default=1,
            search=(0.1, 3),
            domain=(0, float("inf")),
            neutral=0,
            about="1 aims at the balanced error; more favours rare classes further",
        ),
    ),
    standards={
        "logit_adjustment": Standard({"mix.cross_entropy": 1, "logit_adjustment.tau": 1}, ("multiclass",)),
        "balanced_softmax": Standard({"mix.cross_entropy": 1, "logit_adjustment.tau": 1}, ("multiclass",)),
    },
    order=3,
    broadcasts=True,
)
