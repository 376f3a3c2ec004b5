"""Samples dealt into parts: stratified by class where there are classes, groups kept whole."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...losses import Kind
from ...losses.kinds import kind_named


def is_stratified(kind: Kind, targets: Any) -> bool:
    """Whether samples are dealt so that each part has its share of each class.

    Args:
        kind: The kind of problem.
        targets: Targets (N,) or (N, D).
    """
    return kind_named(kind).single and np.ndim(targets) == 1


def deal(kind: Kind, targets: Any, parts: int, seed: int, groups: Any = None) -> list[Any]:
    """The rows of each part, arrays of indices into the samples; together they are all samples.

    Args:
        kind: The kind of problem, which says whether classes are dealt evenly.
        targets: NumPy array (N,) or (N, D).
        parts: The number of parts.
        seed: Seeds the shuffling, 0 to 2**32 - 1.
        groups: Codes (N,) of the groups that are never split, or None.

    Raises:
        ValueError: There are too few samples or groups, as scikit-learn words it.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    splitters = (KFold, StratifiedKFold) if groups is None else (GroupKFold, StratifiedGroupKFold)
    splitter = splitters[is_stratified(kind, targets)](parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer samples than parts is dealt as far as it goes
        return [held for _, held in splitter.split(np.zeros(len(targets)), targets, groups)]
