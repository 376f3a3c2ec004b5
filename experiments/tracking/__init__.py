"""Shows searches in MLflow, which is fed from the store and never waited for.

Importing this package does not import MLflow: the tracker's thread does.
"""

from .tracker import Tracker, is_up_to_date

__all__ = ["Tracker", "is_up_to_date"]
