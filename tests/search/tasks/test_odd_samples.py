"""What a dataset, a folder of images or a backbone may give: everything else is one line that names it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from lossmith.losses import UserError
from lossmith.search import Task

INPUTS, CLASSES = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3
PAIRS = TensorDataset(INPUTS, CLASSES)


class Samples:
    """A dataset that returns what a function of the index does."""

    def __init__(self, of: Callable[[int], Any]) -> None:
        self.of = of

    def __len__(self) -> int:
        return 30

    def __getitem__(self, row: int) -> Any:
        return self.of(row)


def at(odd: Callable[[], Any], row: int = 7) -> Samples:
    """Pairs, but for one row."""
    return Samples(lambda i: odd() if i == row else (INPUTS[i], int(CLASSES[i])))


ODD: dict[str, tuple[Any, str]] = {
    "raises": (at(lambda: 1 / 0), "sample 7 of 30 cannot be read.*ZeroDivisionError"),
    "leaves": (at(lambda: sys.exit(3)), "sample 7 of 30 cannot be read.*SystemExit"),
    "beyond the end": (Subset(PAIRS, [0, 1, 99]), "sample 2 of 3 cannot be read"),
    "batches": (DataLoader(PAIRS), "DataLoader.*give its dataset"),
    "no target": (at(lambda: (INPUTS[7], None)), "targets must be numbers, but that of sample 7 is None"),
    "an object": (at(lambda: (INPUTS[7], {1: 2})), "targets must be numbers, but that of sample 7"),
    "ragged": (at(lambda: (INPUTS[7], [[1], [1, 2]])), "targets must be numbers, but that of sample 7"),
    "two targets": (at(lambda: (INPUTS[7], [1, 2])), "targets must be alike.*sample 7 is"),
    "fractions": (Samples(lambda i: (INPUTS[i], i + 0.5)), "class indices, but got 0.5.*kind='regression'"),
    "meta": (at(lambda: (INPUTS[7].to("meta"), 1)), "real numbers, but those of sample 7"),
    "complex": (at(lambda: (INPUTS[7].to(torch.complex64), 1)), "real numbers, but those of sample 7"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_sample_is_one_line_that_names_it(odd: str, stream: bool) -> None:  # noqa: FBT001
    """In memory and streamed, before anything is trained."""
    samples, words = ODD[odd]
    if stream and odd in ("meta", "complex"):
        samples = Samples(lambda _: samples_of(odd))
        words = words.replace("sample 7", "sample 0")
    with pytest.raises(UserError, match=words) as caught:
        Task.from_dataset(samples, stream=stream)
    assert "\n" not in str(caught.value)


def samples_of(odd: str) -> tuple[torch.Tensor, int]:
    """A pair whose inputs have no real numbers."""
    return (INPUTS[0].to("meta") if odd == "meta" else INPUTS[0].to(torch.complex64)), 1


@pytest.mark.parametrize("stream", [False, True])
def test_sparse_inputs_and_those_with_gradient_are_taken(stream: bool) -> None:  # noqa: FBT001
    """As the numbers that they hold."""
    samples = Samples(lambda i: ((INPUTS[i] * 1).requires_grad_().to_sparse(), int(CLASSES[i])))
    task = Task.from_dataset(samples, stream=stream, test=PAIRS)
    torch.testing.assert_close(task.train[0][torch.arange(30)], INPUTS)


def folder_of(root: Path) -> Path:
    """Two classes of five grey images of 8 by 6."""
    for label in "ab":
        (root / label).mkdir(parents=True)
        for number in range(5):
            pixels = np.random.default_rng(number).integers(0, 255, (6, 8)).astype(np.uint8)
            Image.fromarray(pixels).save(root / label / f"{number}.png")
    return root


def test_images_of_another_size_are_resized_where_it_is_asked_for_alone(tmp_path: Path) -> None:
    """Also where the first images of all classes are alike."""
    root = folder_of(tmp_path / "images")
    Image.new("L", (16, 12)).save(root / "a" / "z.png")
    with pytest.raises(UserError, match="give size=64"):
        Task.from_image_folder(root)
    assert Task.from_image_folder(root, size=(6, 8)).train[0].shape[1:] == (1, 6, 8)


def test_of_animated_images_it_is_said_that_one_frame_is_read(tmp_path: Path) -> None:
    """A GIF of three frames is one image."""
    root = folder_of(tmp_path / "images")
    frames = [Image.new("L", (8, 6), shade) for shade in (1, 90, 200)]
    frames[0].save(root / "a" / "z.gif", save_all=True, append_images=frames[1:])
    assert any(note.startswith("1 animated") for note in Task.from_image_folder(root).notes)


@pytest.mark.parametrize("size", [1.5, 8.0, "64", {"a": 1}, (3,), (0, 8), 10**6, True])
def test_a_size_is_one_or_two_whole_numbers(size: Any, tmp_path: Path) -> None:
    """Fractions, text and numbers of which no image could be made are one line."""
    with pytest.raises(UserError, match="size must be"):
        Task.from_image_folder(folder_of(tmp_path / "images"), size=size)


@pytest.mark.parametrize("folder", [None, 3, "a\0b", "a" * 5000, "~nobody-of-this-name/a"])
def test_a_folder_that_is_none_is_one_line(folder: Any) -> None:
    """Whatever the path is made of."""
    with pytest.raises(UserError, match="a folder of images must exist"):
        Task.from_image_folder(folder)


@pytest.mark.parametrize(
    "changed",
    [
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"batch_size": None},
        {"device": "cuda:99"},
        {"device": "nope"},
        {"device": "meta"},
        {"cache": 3},
        {"cache": "a\0b"},
        {"cache": "~nobody-of-this-name/a"},
        {"head": None},
        {"head": 3},
        {"head": nn.Linear(4, 3)},
        {"head": lambda: 3},
        {"progress": 3},
    ],
    ids=lambda changed: str(changed).split(" at 0x")[0],
)
def test_what_features_are_made_with_is_looked_at_first(changed: dict[str, Any], tmp_path: Path) -> None:
    """Each is one line."""
    given = {"cache": tmp_path, "progress": lambda _: None, **changed}
    with pytest.raises(UserError, match="must") as caught:
        Task.from_features(nn.Linear(4, 4), train=(INPUTS, CLASSES), test=(INPUTS, CLASSES), **given)
    assert "\n" not in str(caught.value)


class InPlace(nn.Module):
    """A backbone that changes its inputs."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Twice the inputs."""
        return inputs.mul_(2)


def test_a_backbone_that_works_in_place_leaves_the_data_as_it_is(tmp_path: Path) -> None:
    """It is given copies."""
    before = INPUTS.clone()
    part = (INPUTS, CLASSES)
    Task.from_features(InPlace(), train=part, test=part, cache=tmp_path, progress=lambda _: None)
    assert torch.equal(INPUTS, before)
