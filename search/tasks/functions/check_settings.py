"""What may be said about a training function: each setting has a type and a range; none is converted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from ....losses.errors import UserError, shown, unknown
from ....losses.kinds import KINDS, Kind, kind_named
from ..guard import check_name

MOST_WORKERS = 4096


def check_settings(training: Any) -> None:
    """Refuse settings that a search could not work with.

    Args:
        training: A `TrainingFunction`, whose settings may still be of any type.

    Raises:
        UserError: A setting has another type than its rule says, or lies outside its range.
    """
    if not isinstance(training.kind, str) or training.kind not in KINDS:
        raise unknown("kind", training.kind, KINDS)
    check_name(training.name)
    metric = training.metric
    if not isinstance(metric, str) or not metric.strip() or not metric.isprintable() or len(metric) > 100:
        raise UserError(
            "the metric of a training function must be the name of what it returns, such as macro_f1, "
            f"but got {shown(metric, 100)}"
        )
    if not isinstance(training.greater_is_better, bool):
        raise _wrong("greater_is_better", "true or false", training.greater_is_better)
    if training.workers is not None and not _whole(training.workers, 1, MOST_WORKERS):
        raise _wrong("workers", f"a whole number from 1 to {MOST_WORKERS}", training.workers)
    of_kind = kind_named(training.kind)
    if training.ignore_index is not None and not of_kind.classified:
        raise UserError(
            f"training: ignore_index must be left out for {training.kind}, whose targets are numbers"
        )
    if training.ignore_index is not None and not _whole(training.ignore_index, -(2**62), 2**62):
        raise _wrong("ignore_index", "a whole number, such as -100", training.ignore_index)
    scale = training.target_scale
    if scale is not None and not (_number(scale) and 0 < scale < math.inf):
        raise _wrong("target_scale", "a number above 0", scale)
    if training.target_scale is not None and of_kind.classified:
        raise UserError(
            f"training: target_scale must be left out for {training.kind}, whose targets are classes"
        )
    if training.class_counts is not None:
        _check_counts(training.kind, training.class_counts)


def check_classes(training: Any, classes: int) -> None:
    """Refuse counts of other classes than the function trains with.

    Args:
        training: A `TrainingFunction`.
        classes: The columns of its outputs, as its rehearsal saw them; 0 where they have none.

    Raises:
        UserError: `class_counts` has another length.
    """
    counts = training.class_counts
    known = kind_named(training.kind)
    by_column = known.counts_nested or known.target == "class"  # a binary task has two counts and one column
    if counts is not None and classes and by_column and len(counts) != classes:
        raise UserError(
            f"{training.name}: class_counts must have a number for each of the {classes} columns of the "
            f"outputs, but got {len(counts)}"
        )


def _check_counts(kind: Kind, counts: Any) -> None:
    """Whole numbers of the kind's shape, not all of them 0."""
    known = kind_named(kind)
    if not known.counted:
        raise UserError(f"class_counts must be left out for {kind}, but got {shown(counts, 100)}")
    rows = counts if known.counts_nested and _listed(counts) else [counts]
    whole = all(_listed(row) and all(_whole(n, 0, 2**53) for n in row) and any(row) for row in rows)
    if not whole or not known.counts_fit(tuple(map(tuple, rows)) if known.counts_nested else tuple(counts)):
        raise _wrong("class_counts", f"numbers of training samples, {known.counts_rule}", counts)


def _listed(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and low <= int(value) <= high


def _wrong(name: str, rule: str, value: object) -> UserError:
    return UserError(f"training: {name} must be {rule}, but got {shown(value, 100)}")
