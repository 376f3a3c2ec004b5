"""The handwritten digits of scikit-learn, cut into the built-in tasks.

1,797 images of 8x8 pixels, ten classes; no download. Each class gives 30 images to the validation part
and 50 to the test part; what is left, 94 to 103 of each class, is for training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...random_streams import generator
from ..data import Data

CLASSES = 10
VALIDATION, TEST = 30, 50


def parts(seed: int = 0) -> tuple[Data, Data, Data]:
    """Train, validation and test parts; validation and test hold the classes equally.

    Args:
        seed: Seeds the dealing, any whole number.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    inputs, targets = torch.as_tensor(images, dtype=torch.float32) / 16, torch.as_tensor(labels)
    shuffled = torch.randperm(len(targets), generator=generator("digits", seed))
    by_class = [shuffled[targets[shuffled] == label] for label in range(CLASSES)]

    def take(start: int, stop: int | None) -> Data:
        rows = torch.cat([rows[start:stop] for rows in by_class])
        return inputs[rows], targets[rows]

    return take(VALIDATION + TEST, None), take(0, VALIDATION), take(VALIDATION, VALIDATION + TEST)


def cut_to_tail(data: Data, ratio: float) -> Data:
    """Class k cut to n_0 ratio^(-k/(K-1)) samples, n_0 the smallest class: an exponential long tail.

    Args:
        data: Inputs (N, ...) and class indices (N,).
        ratio: Samples of class 0 over those of the last class, at least 1.
    """
    inputs, targets = data
    largest = int(torch.bincount(targets, minlength=CLASSES).min())
    kept: list[Tensor] = []
    for label in range(CLASSES):
        count = max(1, round(largest * ratio ** (-label / (CLASSES - 1))))
        kept.append((targets == label).nonzero().flatten()[:count])
    rows = torch.cat(kept)
    return inputs[rows], targets[rows]


def mlp(width: int = 64) -> nn.Module:
    """64 - width - width - 10, with ReLU."""
    return nn.Sequential(
        nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, CLASSES)
    )
