"""Many losses evaluated at once."""

from .stacked_loss import StackedLoss

__all__ = ["StackedLoss"]
