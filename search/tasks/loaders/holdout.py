"""A test part set aside, as the folds are dealt: stratified, groups kept whole, or the latest samples."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ....losses import Kind
from ....losses.errors import UserError


def held_out(
    kind: Kind, targets: Any, share: float, groups: Any = None, time: Any = None, seed: int = 0
) -> Any:
    """True for the samples (N,) of the test part, about `share` of them; targets (N,) or (N, D).

    Raises `UserError` for a share that is none and where there are too few samples or groups to share.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 0.5:
        raise UserError(f"test must be a share above 0 and at most 0.5, such as 0.2, but got {share!r}")
    count, parts = len(targets), max(2, round(1 / share))
    inside = np.zeros(count, bool)
    if time is not None:
        order = np.argsort(time, kind="stable")
        first = time[order[max(1, round(count * (1 - share)))]]
        inside[np.asarray(time) >= first] = True  # what was taken at one time stays together
        if inside.all():
            raise UserError(
                "time must differ between samples to set the latest aside, but the most are equal"
            )
        return inside
    if groups is not None and len(np.unique(groups)) < parts:
        raise UserError(
            f"there must be at least {parts} groups to set {share:.0%} of them aside, but there are "
            f"{len(np.unique(groups))}"
        )
    stratified = kind in ("multiclass", "binary") and np.ndim(targets) == 1
    if groups is None and abs(1 / share - parts) > 0.05:
        return _shuffled(targets, share, seed, stratified=stratified)
    kinds = (KFold, StratifiedKFold) if groups is None else (GroupKFold, StratifiedGroupKFold)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer samples than parts is dealt as far as it goes
        dealt = kinds[stratified](parts, shuffle=True, random_state=seed).split(targets, targets, groups)
        inside[next(iter(dealt))[1]] = True
    return inside


def _shuffled(targets: Any, share: float, seed: int, *, stratified: bool) -> Any:
    """A share that is not one in so many."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(targets))
    by = targets if stratified else None
    _, held = train_test_split(rows, test_size=share, random_state=seed, stratify=by)
    return np.isin(rows, held)
