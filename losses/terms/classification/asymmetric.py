"""Asymmetric loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from ...declarations import SIGNED, Number, Parameter, Part, Standard
from ...numerics import log1m_exp, number_like


def asymmetric(
    gap: Tensor, targets: Tensor, *, gamma_pos: Number, gamma_neg: Number, shift: Number
) -> Tensor:
    """-(1-p)^gamma_pos ln p for a yes, -p_m^gamma_neg ln(1-p_m) for a no, p_m = max(p - shift, 0).

    Computed through ln(1 - p + shift), a sum of two exponentials, so that it needs no clamp: the worst
    errors keep their gradient. A no with p below the shift has loss and gradient zero, as in the paper.

    Args:
        gap: (N,) or (N, L), the logit, signed so that positive is right.
        targets: (N,) or (N, L), 1 for a yes, 0 for a no.
        gamma_pos: At least 0; focusing of a yes.
        gamma_neg: At least 0; focusing of a no.
        shift: In [0, 0.5]; a no this unlikely is right.
    """
    at = number_like(shift, gap)
    # ln(shift), without the infinite slope at a shift of 0.
    log_shift = torch.where(at > 0, torch.log(torch.where(at > 0, at, 1)), -torch.inf)
    log_right = F.logsigmoid(gap)  # of the answer given: p for a yes, 1 - p for a no
    log_kept = torch.logaddexp(log_right, log_shift).clamp(max=0)  # ln(1 - p_m)
    yes = -torch.exp(gamma_pos * F.logsigmoid(-gap)) * log_right
    no = -torch.exp(gamma_neg * log1m_exp(log_kept)) * log_kept
    return torch.where(targets > 0, yes, no)


def _same_as(gamma_pos: float, gamma_neg: float, shift: float) -> dict[str, float] | None:
    """Focal cross entropy where both are treated alike."""
    if shift != 0 or gamma_pos != gamma_neg:
        return None
    return {"mix.cross_entropy": 1.0, **({"focal.gamma": gamma_pos} if gamma_pos else {})}


PART = Part(
    name="asymmetric",
    stage="term",
    kinds=SIGNED,
    function=asymmetric,
    formula="asymmetric(p; {gamma_pos}, {gamma_neg}, {shift})",
    latex=r"A(p; {gamma_pos}, {gamma_neg}, {shift})",
    source="Ridnik et al. 2021, Asymmetric Loss For Multi-Label Classification, eq. 7; there a sum",
    parameters=(
        Parameter("gamma_pos", default=1, domain=(0, float("inf")), search=(0, 2), about="focusing of a yes"),
        Parameter("gamma_neg", default=4, domain=(0, float("inf")), search=(0, 8), about="focusing of a no"),
        Parameter(
            "shift", default=0.05, domain=(0, 0.5), search=(0, 0.3), about="a no this unlikely is right"
        ),
    ),
    standards={
        "asl": Standard({"asymmetric.gamma_pos": 1, "asymmetric.gamma_neg": 4, "asymmetric.shift": 0.05})
    },
    same_as=_same_as,
    broadcasts=True,
)
