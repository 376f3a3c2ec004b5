"""Formulas with their gradients written out, in few passes over the logits; without the family."""

from .fast import PLAIN, Fast
from .focal import focal_cross_entropy, smoothed_focal_cross_entropy, smoothed_log_p
from .gap import adjusted_gap_and_lag, gap_and_lag

__all__ = [
    "PLAIN",
    "Fast",
    "adjusted_gap_and_lag",
    "focal_cross_entropy",
    "gap_and_lag",
    "smoothed_focal_cross_entropy",
    "smoothed_log_p",
]
