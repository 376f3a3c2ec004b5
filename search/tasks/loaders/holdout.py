"""A test part set aside, as the folds are dealt: stratified, groups kept whole, or the latest samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....losses import Kind
from ....losses.errors import UserError, one_line
from ..deal import deal, is_stratified


def held_out(
    kind: Kind, targets: Any, share: float, groups: Any = None, time: Any = None, seed: int = 0
) -> Any:
    """True for the samples (N,) of the test part, about `share` of them.

    Args:
        kind: The kind of problem.
        targets: NumPy array (N,) or (N, D).
        share: The share of the samples to set aside, above 0 and at most 0.5.
        groups: Codes (N,) of the groups that are never split, or None.
        time: Codes (N,) in the order of time; the latest samples are set aside.
        seed: Seeds the shuffling.

    Raises:
        UserError: The share is out of its range, or there are too few samples or groups to share.
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 0.5:
        raise UserError(f"test must be a share above 0 and at most 0.5, such as 0.2, but got {share!r}")
    count, parts = len(targets), max(2, round(1 / share))
    if time is not None:
        return _latest(np.asarray(time), share)
    if groups is not None and len(np.unique(groups)) < parts:
        raise UserError(
            f"there must be at least {parts} groups to set {share:.0%} of them aside, but there are "
            f"{len(np.unique(groups))}"
        )
    if count < parts:
        raise UserError(
            f"test must be a share of the samples that holds some of them, but {share:g} of {count} is less "
            "than one; give a larger share, such as 0.2, or another file"
        )
    inside = np.zeros(count, bool)
    try:
        if groups is None and abs(1 / share - parts) > 0.05:
            inside[_shuffled(kind, targets, share, seed)] = True
        else:
            inside[deal(kind, targets, parts, seed, groups)[0]] = True
    except ValueError as error:
        raise UserError(
            f"test must be a share that holds samples of every class, but {share:g} of {count} cannot "
            f"({one_line(error)}); give a larger share, such as 0.2"
        ) from error
    return inside


def _latest(time: Any, share: float) -> Any:
    """True for the latest samples; samples of one time stay together."""
    order, count = np.argsort(time, kind="stable"), len(time)
    inside = time >= time[order[min(count - 1, max(1, round(count * (1 - share))))]]
    if inside.all():
        raise UserError("time must differ between samples to set the latest aside, but the most are equal")
    return inside


def _shuffled(kind: Kind, targets: Any, share: float, seed: int) -> Any:
    """The rows of a share that is not one part in so many."""
    from sklearn.model_selection import train_test_split

    by = targets if is_stratified(kind, targets) else None
    return train_test_split(np.arange(len(targets)), test_size=share, random_state=seed, stratify=by)[1]
