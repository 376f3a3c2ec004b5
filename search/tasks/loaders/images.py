"""A task from a folder of images: one folder for each class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....losses.errors import UserError
from ..fields import TaskFields
from .dataset import dataset_fields

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
MEAN, SPREAD = 0.5, 0.25  # of pixels in [0, 1]: inputs come out about standardised


@dataclass(frozen=True)
class ImageFolder:
    """The images in `files`, resized to `size` (height, width), as float32 (channels, height, width)."""

    files: tuple[Path, ...]
    targets: tuple[int, ...]
    classes: tuple[str, ...]
    size: tuple[int, int]
    channels: int = 3

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        with _opened(self.files[row]) as opened:
            image = opened.convert("L" if self.channels == 1 else "RGB")
            if image.size != self.size[::-1]:
                image = image.resize(self.size[::-1])
            pixels = np.asarray(image, np.float32) / 255
        planes = torch.from_numpy(pixels).reshape(*self.size, self.channels).permute(2, 0, 1)
        return ((planes - MEAN) / SPREAD).contiguous(), self.targets[row]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The image, open."""
    try:
        from PIL import Image
    except ImportError as error:
        raise UserError("a folder of images needs Pillow: pip install pillow") from error
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, SyntaxError, ValueError) as error:  # SyntaxError: a broken PNG
        raise UserError(
            f"every image must be one that Pillow reads, but {path} is not: {error}; repair or remove it"
        ) from error


def image_folder(folder: str | Path, size: int | Sequence[int] | None = None) -> ImageFolder:
    """The images below `folder`, a class for each folder in it, in the order of their names.

    `size` is a height and a width, or one number for both; None takes the size of the first image, which
    all must then share. Grey images stay grey where all the first ones of the classes are.
    Raises `UserError` for a folder that is missing, has fewer than two classes, or a class without images.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise UserError(f"a folder of images must exist, but there is no folder {root}; check the path")
    classes = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(classes) < 2:
        raise UserError(
            f"a folder of images must hold a folder for each of at least two classes, but {root} holds "
            f"{', '.join(classes) or 'none'}"
        )
    files: list[Path] = []
    targets: list[int] = []
    firsts = []
    for number, name in enumerate(classes):
        found = sorted(p for p in (root / name).rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
        if not found:
            raise UserError(
                f"every class must have images ({', '.join(ENDINGS[:4])}, ...), but {root / name} has none"
            )
        firsts.append(found[0])
        files += found
        targets += [number] * len(found)
    sizes, modes = [], []
    for path in firsts:
        with _opened(path) as image:
            sizes.append(image.size[::-1])
            modes.append(image.mode)
    if size is None and len(set(sizes)) > 1:
        raise UserError(
            f"images of different sizes, such as {sizes[0]} and {next(s for s in sizes if s != sizes[0])}, "
            "must be brought to one: give size=64 or size=(height, width)"
        )
    chosen = sizes[0] if size is None else (size, size) if isinstance(size, int) else tuple(size)
    grey = all(mode in ("1", "L", "I", "I;16", "F") for mode in modes)
    return ImageFolder(tuple(files), tuple(targets), tuple(classes), chosen, 1 if grey else 3)  # type: ignore[arg-type]


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
    """The multi-class task of a folder of images; `test` is another such folder, or the share to set aside.

    `more` is what `dataset_fields` takes. Without a `model` it is a small CNN. Pixels are brought to about
    [-2, 2]. Raises `UserError` as `image_folder` does, and where another folder has other classes.
    """
    first = image_folder(folder, size)
    others = {
        part: _alike(image_folder(given, first.size), first, part)
        for part, given in (("test", test), ("validation", validation))
        if isinstance(given, str | Path)
    }
    fields = dataset_fields(
        first,
        **{"test": test, **others},  # type: ignore[arg-type]
        model=model or SmallCnn(first.channels, len(first.classes)),
        name=name or Path(folder).resolve().name,
        **more,
    )
    shown = ", ".join(first.classes[:6]) + (", ..." if len(first.classes) > 6 else "")
    return replace(
        fields,
        about={"classes": list(first.classes), "size": list(first.size), "channels": first.channels},
        notes=(f"{len(first.classes)} classes, the folders in {Path(folder).name}: {shown}", *fields.notes),
    )


def _alike(other: ImageFolder, first: ImageFolder, part: str) -> ImageFolder:
    if unseen := sorted(set(other.classes) - set(first.classes)):
        raise UserError(
            f"{part}: every class must be one of the training part's, {', '.join(first.classes[:6])}, "
            f"but there is a folder {unseen[0]}"
        )
    number = {name: first.classes.index(name) for name in other.classes}
    targets = tuple(number[other.classes[target]] for target in other.targets)
    return replace(other, targets=targets, classes=first.classes, channels=first.channels)


@dataclass(frozen=True)
class SmallCnn:
    """A factory of conv 16 - conv 32 - conv 64, pooled over all places: for images of any size."""

    channels: int
    outputs: int

    def __call__(self) -> torch.nn.Module:
        """A fresh one."""
        from torch import nn

        layers: list[nn.Module] = []
        for before, after in ((self.channels, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, self.outputs))
