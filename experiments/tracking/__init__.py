"""Shows searches in MLflow, which is fed from the store and never waited for.

Importing this package does not import MLflow: the tracker's thread does.
"""

from .champion import Champion
from .tracker import Tracker

__all__ = ["Champion", "Tracker"]
