"""What counts: metrics of many members at once, each equal to its namesake in scikit-learn.

`METRICS` holds those without a parameter; `metric_named` also knows `pinball@0.9`; `metric_of` makes one of
a user's function. One file for each family of metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...losses.declarations import Kind
from ...losses.errors import UserError, unknown
from .decisions import DECISIONS
from .errors import ERRORS, pinball
from .metric import Metric, reported
from .own import metric_of
from .probabilities import PROBABILITIES
from .ranking import RANKING

METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (*DECISIONS, *RANKING, *PROBABILITIES, *ERRORS)
}
_PINBALL, _EXAMPLE = "pinball", "pinball@0.9"
# What other libraries call them.
_ELSEWHERE = {
    "acc": "accuracy",
    "ap": "average_precision",
    "auc": "auroc",
    "bce": "log_loss",
    "brier_score": "brier",
    "cross_entropy": "log_loss",
    "ece": "calibration_error",
    "exact_match": "subset_accuracy",
    "f1_macro": "macro_f1",
    "f1_micro": "micro_f1",
    "f1_score": "f1",
    "hamming_loss": "binary_accuracy",
    "map": "mAP",
    "mean_absolute_error": "mae",
    "mean_average_precision": "mAP",
    "mean_pinball_loss": _EXAMPLE,
    "median_absolute_error": "median_ae",
    "mse": "rmse",
    "nll": "log_loss",
    "r2_score": "r2",
    "roc_auc": "auroc",
    "root_mean_squared_error": "rmse",
}


def metric_named(name: str, kind: Kind | None = None) -> Metric:
    """The metric of a name, such as "macro_f1" or "pinball@0.9", for a kind of problem (None: whichever).

    Raises `UserError` for a name that is unknown, or known for other kinds alone, and for a quantile outside
    (0, 1).
    """
    base, at, text = str(name).partition("@")
    metric = METRICS.get(str(name))
    if metric is None and base == _PINBALL:
        metric = pinball(_quantile(name, text if at else ""))
    if metric is None or (kind is not None and kind not in metric.kinds):
        known = {n for n, m in METRICS.items() if kind is None or kind in m.kinds}
        known |= {_EXAMPLE} if kind in (None, "regression") else set()
        what = f"metric for {kind}" if kind else "metric"
        same = _ELSEWHERE.get(str(name).lower().removeprefix("neg_"))
        if same in known:
            raise UserError(f"unknown {what} {name!r}: did you mean {same}?")
        raise unknown(what, name, known)
    return metric


def sign_of(task: Mapping[str, Any]) -> int:
    """The sign of the metric of a task as the store keeps it: a user's own metric is known there alone."""
    greater = task.get("greater_is_better")
    return metric_named(task["metric"]).sign if greater is None else 1 if greater else -1


def _quantile(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise UserError(
            f"metric {_PINBALL} must have a quantile between 0 and 1, as in {_EXAMPLE}, but got {name!r}"
        )
    return value


__all__ = ["METRICS", "Metric", "metric_named", "metric_of", "reported", "sign_of"]
