"""The standard losses that a search has to beat."""

from __future__ import annotations

from ...losses import LossSpec, standard_specs
from .subject import Subject


def standards(subject: Subject) -> dict[str, LossSpec]:
    """Every standard loss of the subject's kind by name, chosen as somebody would who knows the metric.

    Where the metric measures a quantile, the quantile loss predicts that quantile: otherwise a search could
    beat it by finding the quantile alone.
    """
    specs, quantile = standard_specs(subject.kind), subject.measure.quantile
    if quantile is None:
        return specs
    return {**specs, "quantile": LossSpec(subject.kind, {"mix.quantile": 1.0, "quantile.tau": quantile})}
