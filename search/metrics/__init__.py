"""What counts: metrics of many members at once, each equal to its namesake in scikit-learn.

One file for each family of metrics. `register_metric` adds one from outside; `metric_of` makes one of a
user's function.
"""

from .metric import Metric, reported
from .registry import METRICS, metric_named, register_metric
from .user_metric import metric_of

__all__ = ["METRICS", "Metric", "metric_named", "metric_of", "register_metric", "reported"]
