"""A task from a folder of images: one folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

import torch

from ....losses.errors import UserError, shown
from ..fields import TaskFields
from ..guard import tidy_name
from ..labels import some
from .dataset import dataset_fields
from .image_files import ENDINGS, ImageFolder, animated, look, span_of

LARGEST = 16_384  # pixels of a side


def image_folder(folder: str | Path, size: int | Sequence[int] | None = None) -> ImageFolder:
    """The images below a folder, a class for each folder in it, in the order of their names.

    Grey images stay grey where the first ones of all classes are. Images of more than 8 bits are scaled by
    the smallest and the largest pixel value of the folder.

    Args:
        folder: The path of the folder.
        size: A height and a width, or one number for both; None takes the size of the first image, which all
            must then share.

    Raises:
        UserError: The folder is missing, has fewer than two classes or a class without images, or an image
            cannot be read.
    """
    root = _there(folder)
    classes = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(classes) < 2:
        raise UserError(
            f"a folder of images must hold a folder for each of at least two classes, but {root} holds "
            f"{', '.join(classes) or 'none'}"
        )
    files = [(number, path) for number, name in enumerate(classes) for path in _files(root / name)]
    firsts = [look(next(path for number, path in files if number == label)) for label in range(len(classes))]
    sizes = [first.size for first in firsts]
    if size is None and len(set(sizes)) > 1:
        raise UserError(
            f"images of different sizes, such as {sizes[0]} and {next(s for s in sizes if s != sizes[0])}, "
            "must be brought to one: give size=64 or size=(height, width)"
        )
    paths = tuple(path for _, path in files)
    return ImageFolder(
        paths,
        tuple(number for number, _ in files),
        tuple(classes),
        sizes[0] if size is None else _size(size),
        1 if all(first.grey for first in firsts) else 3,
        span_of(paths) if any(first.deep for first in firsts) else None,
        resized=size is not None,
    )


def _files(folder: Path) -> list[Path]:
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
    if not found:
        raise UserError(
            f"every class must have images ({', '.join(ENDINGS[:4])}, ...), but {folder} has none"
        )
    return found


def _there(folder: str | Path) -> Path:
    try:
        root = Path(folder).expanduser()
        there = root.is_dir()
    except (OSError, ValueError, RuntimeError, TypeError):  # too long, NUL, nobody's home, no path
        there = False
    if not there:
        raise UserError(
            f"a folder of images must exist, but there is no folder {shown(folder)}; check the path"
        )
    return root


def _size(given: int | Sequence[int]) -> tuple[int, int]:
    sizes = tuple(given) if isinstance(given, Sequence) else (given, given)
    whole = all(isinstance(n, Integral) and not isinstance(n, bool) and 0 < n <= LARGEST for n in sizes)
    if len(sizes) != 2 or not whole:
        raise UserError(
            f"size must be a height and a width from 1 to {LARGEST:,}, such as 64 or (48, 64), but got "
            f"{shown(given)}"
        )
    return int(sizes[0]), int(sizes[1])


def image_folder_fields(
    folder: str | Path,
    *,
    size: int | Sequence[int] | None = None,
    test: str | Path | float = 0.2,
    validation: str | Path | None = None,
    model: Any = None,
    name: str | None = None,
    **more: Any,
) -> TaskFields:
    """The multi-class task of a folder of images, its pixels brought to about [-2, 2].

    Args:
        folder: The path of the folder, with a folder for each class.
        size: The height and width that images are resized to, or one number for both.
        test: Another such folder, or the share of the images to set aside.
        validation: Another such folder.
        model: Builds the model; default: a small convolutional network.
        name: The task's name; default: the folder's.
        **more: Further arguments of `dataset_fields`.

    Raises:
        UserError: `image_folder` refuses the folder, or another folder has other classes.
    """
    first = image_folder(folder, size)
    others = {
        part: _alike(given, first, part)
        for part, given in (("test", test), ("validation", validation))
        if isinstance(given, str | Path)
    }
    fields = dataset_fields(
        first,
        **{"test": test, **others},  # type: ignore[arg-type]
        model=model or SmallCnn(first.channels, len(first.classes)),
        name=name or tidy_name(Path(folder).resolve().name),
        **more,
    )
    span = first.span and f"; pixels {first.span[0]:g} to {first.span[1]:g} become 0 to 1"
    moving = animated(first.files) + sum(animated(other.files) for other in others.values())
    frames = (f"{moving} animated images: the first frame of each is read",) if moving else ()
    line = f"{len(first.classes)} classes, the folders in {Path(folder).name}: {some(first.classes, 7)}"
    return replace(
        fields,
        class_names=first.classes,
        about={"classes": list(first.classes), "size": list(first.size), "channels": first.channels},
        notes=(f"{line}{span or ''}", *frames, *fields.notes),
    )


def _alike(folder: str | Path, first: ImageFolder, part: str) -> ImageFolder:
    """Another folder of the same classes, its images read as those of the training part."""
    other = image_folder(folder, first.size)
    if unseen := sorted(set(other.classes) - set(first.classes)):
        raise UserError(
            f"{part}: every class must be one of the training part's, {', '.join(first.classes[:6])}, "
            f"but there is a folder {unseen[0]}"
        )
    targets = tuple(first.classes.index(other.classes[target]) for target in other.targets)
    return replace(first, files=other.files, targets=targets)


@dataclass(frozen=True)
class SmallCnn:
    """A factory of conv 16 - conv 32 - conv 64, pooled over all places: for images of any size.

    Attributes:
        channels: The channels of an image.
        outputs: The number of outputs.
    """

    channels: int
    outputs: int

    def __call__(self) -> torch.nn.Module:
        """Build a model, randomly initialised."""
        from torch import nn

        layers: list[nn.Module] = []
        for before, after in ((self.channels, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, self.outputs))
