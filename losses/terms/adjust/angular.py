"""Angular margins, for logits that are cosines."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import Number, Parameter, Part


def angular(
    logits: Tensor, target_logit: Tensor, is_target: Tensor, *, m1: Number, m2: Number, m3: Number
) -> Tensor:
    """cos(m1 theta + m2) - m3 at the true class, where its logit is cos theta; the others as they are.

    For models with normalised features and class vectors, whose outputs are cosines; follow it with
    `scale`. Past pi the cosine is continued as a line, so that a larger angle always costs more. The
    arc cosine is taken inside (-1, 1), where its gradient is finite.

    Args:
        logits: (N, K).
        target_logit: (N,), the logit of the true class.
        is_target: (N, K), true at the true class.
        m1: In [1, 4]; factor of the angle.
        m2: In [0, 3.1]; radians added to it.
        m3: In [-1, 2]; taken from the cosine.
    """
    theta = torch.acos(target_logit.clamp(-1 + 1e-6, 1 - 1e-6))
    angle = m1 * theta + m2
    excess = (angle - torch.pi).clamp(min=0)
    shift = torch.cos(angle - excess) - excess - m3 - torch.cos(theta)
    return logits + shift.unsqueeze(-1) * is_target


PART = Part(
    name="angular",
    stage="adjust",
    kinds=("multiclass",),
    function=angular,
    formula="cos theta_t -> cos({m1} theta_t + {m2}) - {m3}",
    latex=r"\cos\theta_t \to \cos({m1}\,\theta_t + {m2}) - {m3}",
    source="Deng et al. 2019, ArcFace, eq. 4: (1, .5, 0); (1, 0, .35) is CosFace, (1.35, 0, 0) SphereFace",
    parameters=(
        Parameter("m1", default=1, domain=(1, 4), search=(1, 1.5), neutral=1, about="factor of the angle"),
        Parameter(
            "m2", default=0.5, domain=(0, 3.1), search=(0, 0.8), neutral=0, about="radians added to it"
        ),
        Parameter("m3", default=0, domain=(-1, 2), search=(0, 0.5), neutral=0, about="taken from the cosine"),
    ),
)
