"""What makes a verdict too good, or a class one that cannot be learnt: lines on the parts of the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from .data import Data, overlap
from .guard import constant_columns
from .labels import some

COPIES = {
    ("train", "test"): "the verdict's scores will be too good",
    ("validation", "test"): "the verdict is measured on what losses were chosen by",
    ("train", "validation"): "losses are compared on what they were trained with",
}


def part_warnings(parts: Mapping[str, Data], classes: int | None) -> Iterator[str]:
    """Lines on samples that two parts share, on classes without samples, and on targets that never vary.

    Args:
        parts: The parts of the data by name.
        classes: The number of classes for multiclass.
    """
    for (one, other), so in COPIES.items():
        if one in parts and other in parts and (copies := overlap(parts[one], parts[other])):
            yield (
                f"{copies:,} of the {len(parts[other][1]):,} {other} samples are also in {one}, number for "
                f"number: {so}; drop them"
            )
    learnt = parts["train"][1]
    if classes is not None:
        empty = (torch.bincount(learnt, minlength=classes) == 0).nonzero()[:, 0].tolist()
        if empty:
            yield (
                f"the model has {classes} outputs, but class {some(empty)} has no samples; leave out such "
                "outputs if there are no such classes"
            )
    for part, (_, targets) in parts.items():
        constant = constant_columns(targets).nonzero()[:, 0].tolist()
        if constant and targets.dim() > 1:
            yield f"{part}: column {some(constant)} of the targets holds one value alone; leave it out"
        elif constant:
            same = f"{targets[0].item():g}"
            yield f"{part}: all {len(targets):,} samples have the target {same}; scores on it say little"
