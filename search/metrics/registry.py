"""Every metric there is: those of the files beside this one, and those registered from outside."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from ...losses import Kind
from ...losses.errors import UserError, unknown
from .metric import Metric

_known: dict[str, Metric] = {}
_of_quantiles: dict[str, Callable[[float], Metric]] = {}
_AT = "@0.9"  # how a metric with a quantile is written, as an example
METRICS: Mapping[str, Metric] = MappingProxyType(_known)  # without those that have a quantile


def register_metric(metric: Metric) -> Metric:
    """Add a metric, for this process; registering the same metric again is fine.

    Raises:
        UserError: Another metric has its name.
    """
    if _known.setdefault(metric.name, metric) != metric:
        raise UserError(
            f"a metric must have a name of its own, but there is a metric {metric.name!r} already"
        )
    return metric


def metric_named(name: str, kind: Kind | None = None) -> Metric:
    """The metric of a name.

    Args:
        name: Such as "macro_f1", or "pinball@0.9" for a quantile.
        kind: The kind of problem that the metric must be defined for; None for any.

    Raises:
        UserError: The name is unknown, the metric is not defined for the kind, or the quantile does not lie
            in (0, 1).

    Example:
        >>> metric_named("macro_f1", "multiclass").greater_is_better
        True
    """
    base, at, text = str(name).partition("@")
    metric = METRICS.get(str(name))
    if metric is None and base in _of_quantiles:
        metric = _of_quantiles[base](_quantile(name, base, text if at else ""))
    if metric is None or (kind is not None and kind not in metric.kinds):
        every = [*METRICS.values(), *(make(0.9) for make in _of_quantiles.values())]
        served = [m for m in every if kind is None or kind in m.kinds]
        what = f"metric for {kind}" if kind else "metric"
        called = str(name).lower().removeprefix("neg_")
        if same := next((m.name for m in served if called in m.aliases), None):
            raise UserError(f"unknown {what} {name!r}: did you mean {same}?")
        raise unknown(what, name, [m.name for m in served])
    return metric


def _quantile(name: str, base: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise UserError(
            f"metric {base} must have a quantile between 0 and 1, as in {base}{_AT}, but got {name!r}"
        )
    return value


def _register_shipped() -> None:
    """Register the `METRICS` and the `OF_QUANTILES` of every file in this folder that has some."""
    for file in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if file.name == Path(__file__).stem:
            continue
        module = importlib.import_module(f"{__package__}.{file.name}")
        for metric in getattr(module, "METRICS", ()):
            register_metric(metric)
        _of_quantiles.update(getattr(module, "OF_QUANTILES", {}))


_register_shipped()
