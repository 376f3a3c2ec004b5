"""Images read from files: every depth that a radiograph or a microscope writes, the right way up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....losses.errors import UserError, one_line

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
MEAN, SPREAD = 0.5, 0.25  # of pixels in [0, 1]: inputs come out about standardised
GREY = ("1", "L", "LA")
DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")  # grey in more than 8 bits


@dataclass(frozen=True)
class Look:
    """How an image is stored.

    Attributes:
        size: Height and width, the right way up.
        grey: Whether it has no colours.
        deep: Whether it has more than 8 bits.
    """

    size: tuple[int, int]
    grey: bool
    deep: bool


@dataclass(frozen=True)
class ImageFolder:
    """The images in `files` as float32 (channels, height, width).

    Attributes:
        files: The images' paths.
        targets: Their class indices.
        classes: The names of the classes.
        size: The height and width that images are resized to.
        channels: 1 for grey, 3 for colours.
        span: The pixel values that become 0 and 1, for images of more than 8 bits; None for 8 bits.
        resized: Whether images of another size are resized; without it they are refused.
    """

    files: tuple[Path, ...]
    targets: tuple[int, ...]
    classes: tuple[str, ...]
    size: tuple[int, int]
    channels: int = 3
    span: tuple[float, float] | None = None
    resized: bool = True

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        path = self.files[row]
        with opened(path) as image:
            if not self.resized and image.size != self.size[::-1]:
                raise UserError(
                    f"images of different sizes, such as {self.size} and {image.size[::-1]} ({path}), "
                    "must be brought to one: give size=64 or size=(height, width)"
                )
            pixels = _pixels(path, image, self.size, self.channels, self.span)
        planes = torch.from_numpy(pixels).reshape(*self.size, self.channels).permute(2, 0, 1)
        return ((planes - MEAN) / SPREAD).contiguous(), self.targets[row]


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An image, open and turned as its EXIF orientation says.

    Raises:
        UserError: Pillow is not installed, cannot read the file, or finds several pages in it.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise UserError("a folder of images needs Pillow: pip install pillow") from error
    try:
        with Image.open(path) as image:
            _check_pages(path, image)
            yield ImageOps.exif_transpose(image)
    except UserError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # SyntaxError: a broken PNG
        raise UserError(
            f"every image must be one that Pillow reads, but {path} is not: {one_line(error)}; repair or "
            "remove it"
        ) from error


def _check_pages(path: Path, image: Any) -> None:
    pages = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
    if pages > 1:
        raise UserError(
            f"every image must be one picture, but {path} holds {pages} pages; save each as a file"
        )


def animated(files: Sequence[Path]) -> int:
    """How many of the images have several frames, of which the first is read."""
    from PIL import Image

    found = 0
    for path in files:
        if path.suffix.lower() in (".gif", ".png", ".webp"):
            with Image.open(path) as image:
                found += bool(getattr(image, "is_animated", False))
    return found


def look(path: Path) -> Look:
    """How an image is stored; raises as `opened` does."""
    with opened(path) as image:
        width, height = image.size
        return Look((height, width), image.mode in GREY or image.mode in DEEP, image.mode in DEEP)


def span_of(files: Sequence[Path]) -> tuple[float, float]:
    """The smallest and the largest pixel value of images of more than 8 bits.

    Raises:
        UserError: All pixels are equal, or some are not finite.
    """
    low, high = np.inf, -np.inf
    for path in files:
        with opened(path) as image:
            if image.mode not in DEEP:
                raise _mixed(path, image.mode)
            values = np.asarray(image)
        if not np.isfinite(values).all():
            raise UserError(f"every pixel must be finite, but {path} holds NaN or infinity")
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    if low == high:
        raise UserError(f"images must differ in their pixels, but all {len(files)} hold {low:g} alone")
    return low, high


def _pixels(
    path: Path, image: Any, size: tuple[int, int], channels: int, span: tuple[float, float] | None
) -> Any:
    """Pixels in about [0, 1], float32 (height, width) or (height, width, 3)."""
    if (image.mode in DEEP) != (span is not None):
        raise _mixed(path, image.mode)
    if span is None:
        image = image.convert("L" if channels == 1 else "RGB")
        return np.asarray(_resized(image, size), np.float32) / 255
    from PIL import Image

    low, high = span
    scaled = (np.asarray(image).astype(np.float64) - low) / (high - low)
    return np.array(_resized(Image.fromarray(scaled.astype(np.float32)), size), np.float32)


def _resized(image: Any, size: tuple[int, int]) -> Any:
    return image if image.size == size[::-1] else image.resize(size[::-1])


def _mixed(path: Path, mode: str) -> UserError:
    return UserError(
        f"images must share one depth, 8 bits or more, but {path} ({mode}) differs from the first ones; "
        "save them all alike"
    )
