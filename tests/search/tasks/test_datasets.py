"""Tasks from a `Dataset` and from a folder of images, in memory and streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from lossmith.losses import UserError
from lossmith.search import Candidate, Repeat, Task
from lossmith.search.tasks.data import Data
from lossmith.search.tasks.loaders import dataset as datasets
from lossmith.search.tasks.loaders.images import image_folder
from lossmith.search.tasks.splits import split_for
from lossmith.search.tasks.streaming import Streamed, take
from lossmith.search.training.cohort_trainer import Trainer

from ..small_tasks import data, mlp, outcomes_of, standards, task_of


class Pairs(Dataset[tuple[Tensor, int]]):
    """A dataset that counts how often its samples are fetched."""

    def __init__(self, part: Data) -> None:
        self.part, self.fetched = part, 0

    def __len__(self) -> int:
        return len(self.part[1])

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        self.fetched += 1
        return self.part[0][row], int(self.part[1][row])


class WithTargets(Pairs):
    """A dataset that holds its targets apart, as torchvision's do."""

    @property
    def targets(self) -> list[int]:
        """All of them."""
        found: list[int] = self.part[1].tolist()
        return found


def trained(task: Task) -> list[float]:
    """The scores of two standard losses on this task, four folds and a seed each."""
    candidates: list[Candidate] = standards(task.kind, task.settings)[:2]
    repeats = [Repeat(0)] if task.validation is not None else [Repeat(0, fold) for fold in range(2)]
    outcomes = outcomes_of(Trainer(task, folds=2, workers=1).train(candidates, repeats))
    return [score for outcome in outcomes for score in outcome.scores]


def test_a_dataset_is_the_task_of_its_samples() -> None:
    """Samples stacked, each fetched once; targets as class indices; a fifth is for the test."""
    pairs = Pairs(data("multiclass", 90, 0))
    task = Task.from_dataset(pairs, name="pairs")
    assert pairs.fetched == len(pairs) + 1  # one for a look
    assert (task.kind, task.classes, len(task.train[1]), len(task.test[1])) == ("multiclass", 3, 72, 18)
    assert "in memory" in task.notes[0]
    assert task.build(0)(task.train[0]).shape == (72, 3)


@pytest.mark.parametrize("validated", [True, False])
def test_streamed_training_is_training_in_memory(*, validated: bool) -> None:
    """A streamed task reaches the very scores of the same task in memory, folded or not."""
    parts = {part: data("multiclass", 60, seed) for seed, part in enumerate(("train", "validation", "test"))}
    if not validated:
        del parts["validation"]
    whole: dict[str, Any] = {"model": mlp(3), "metric": "macro_f1", "recipe": {"epochs": 2, "batch_size": 16}}
    scores = [
        trained(Task.from_dataset(**{p: Pairs(d) for p, d in parts.items()}, **whole, stream=stream))
        for stream in (False, True)
    ]
    assert scores[0] == scores[1]


def test_what_does_not_fit_into_memory_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset larger than the room there is is not read: its targets are taken from where they are held."""
    monkeypatch.setattr(datasets, "room", lambda: 1000)
    pairs = WithTargets(data("multiclass", 90, 0))
    task = Task.from_dataset(pairs, test=Pairs(data("multiclass", 20, 1)), name="pairs")
    assert isinstance(task.train[0], Streamed)
    assert "streamed" in task.notes[0]
    before = pairs.fetched
    split = split_for(task, Repeat(0), 3, 0)
    assert isinstance(split.train[0], Streamed)
    assert pairs.fetched == before


class Corrected(Dataset[tuple[Tensor, int]]):
    """A dataset whose labels are not those of its attribute `targets`: merged, or corrected by a wrapper."""

    def __init__(self, pairs: WithTargets, change: Callable[[int], int]) -> None:
        self.pairs, self.change = pairs, change

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        inputs, label = self.pairs[row]
        return inputs, self.change(int(label))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pairs, name)


@pytest.mark.parametrize("change", [lambda label: int(label > 0), lambda label: 2 - label])
@pytest.mark.parametrize("stream", [True, False])
def test_labels_are_what_a_dataset_returns(*, stream: bool, change: Callable[[int], int]) -> None:
    """Past `target_transform` and past wrappers, streamed and in memory alike."""
    part = data("multiclass", 90, 0)
    task = Task.from_dataset(Corrected(WithTargets(part), change), stream=stream, test=0.2, groups=range(90))
    whole = Task.from_dataset(Corrected(WithTargets(part), change), stream=False, test=0.2, groups=range(90))
    assert torch.equal(task.train[1], whole.train[1])
    found = torch.cat([task.train[1], task.test[1]]).bincount()
    assert found.tolist() == torch.tensor([change(int(label)) for label in part[1]]).bincount().tolist()


def test_streamed_inputs_do_what_batches_ask_of_a_tensor() -> None:
    """Rows, slices, masks, single samples and splits are those of the tensor; so are those of a part."""
    inputs, _ = part = data("multiclass", 20, 0)
    streamed: Any = Streamed(Pairs(part))
    assert (streamed.shape, streamed.dtype, len(streamed)) == (inputs.shape, inputs.dtype, len(inputs))
    rows = torch.tensor([3, 1, 17])
    mask = torch.arange(20) % 3 == 0
    for chosen in (rows, mask, slice(2, 5), slice(0, 0)):
        assert torch.equal(streamed[chosen], inputs[chosen])
    assert torch.equal(streamed[4], inputs[4])
    assert torch.equal(streamed[torch.tensor(4)], inputs[4])
    for one, other in zip(streamed.split(6), inputs.split(6), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(take(take(streamed, mask), torch.tensor([2, 0]))[:], inputs[mask][[2, 0]])


def test_streamed_samples_must_be_alike() -> None:
    """A sample of another shape is named when it is met."""

    class Ragged(Pairs):
        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            return self.part[0][row][: 6 - (row == 7)], 0

    with pytest.raises(UserError, match=r"alike, \(6,\).*sample 7 is \(5,\)"):
        Streamed(Ragged(data("multiclass", 20, 0)))[:]
    with pytest.raises(UserError, match=r"alike, \(6,\), but sample 7 is \(5,\)"):
        Task.from_dataset(Ragged(data("multiclass", 20, 0)))


def test_groups_of_a_dataset_are_kept_whole() -> None:
    """No group is in the training part and in the test part."""
    inputs, labels = data("multiclass", 90, 0)
    groups = [f"g{row // 3}" for row in range(90)]
    inputs[:, 0] = torch.arange(90) // 3
    task = Task.from_dataset(TensorDataset(inputs, labels), groups=groups)
    assert not set(task.train[0][:, 0].tolist()) & set(task.test[0][:, 0].tolist())
    assert len(task.groups) == len(task.train[1])


class Endless(IterableDataset[int]):
    """A dataset without a length."""

    def __iter__(self) -> Iterator[int]:
        return iter(())


INPUTS = data("multiclass", 12, 0)[0]
BAD: dict[str, tuple[Any, tuple[str, ...]]] = {
    "no length": (Endless(), ("map-style", "Endless")),
    "nothing in it": ([], ("must hold samples",)),
    "no pairs": (TensorDataset(INPUTS), ("pair (inputs, target)", "1 things")),
    "text": ([(INPUTS[0], "cat")] * 12, ("targets must be numbers", "'cat'", "number the classes")),
    "pictures": ([(Image.new("L", (4, 4)), 0)] * 12, ("Image", "ToTensor")),
    "NaN": ([(INPUTS[0] * torch.nan, 0)] * 12, ("NaN", "row 0", "column 0")),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_dataset_is_one_line(case: str) -> None:
    """What cannot be a task is refused in one line that says what was met."""
    samples, said = BAD[case]
    with pytest.raises(UserError) as caught:
        Task.from_dataset(samples)
    assert len(str(caught.value).splitlines()) == 1
    for word in said:
        assert word in str(caught.value)


def pictures(folder: Path, count: int = 6, *, size: tuple[int, int] = (8, 6), mode: str = "L") -> Path:
    """Two classes of images (height, width): dark and bright."""
    for name, level in (("bright", 200), ("dark", 30)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            values = np.full(size if mode == "L" else (*size, 3), level + number, np.uint8)
            Image.fromarray(values).save(folder / name / f"{number}.png")
    return folder


def test_a_folder_of_images_is_a_task(tmp_path: Path) -> None:
    """A class for each folder, by name; grey images have one channel; a CNN of our own learns on them."""
    task = Task.from_image_folder(pictures(tmp_path / "art", 10))
    assert (task.name, task.kind, task.classes) == ("art", "multiclass", 2)
    assert task.about["classes"] == ["bright", "dark"]
    assert task.train[0].shape == (16, 1, 8, 6)
    bright = task.train[0][task.train[1] == 0]
    assert float(bright.min()) == pytest.approx((200 / 255 - 0.5) / 0.25)
    assert len(trained(task)) == 4


def depths(level: float) -> dict[str, Any]:
    """A picture (8, 6) that rises to a level in [0, 1], in each form that is written."""
    ramp = np.linspace(0, level, 48).reshape(8, 6)
    return {
        "grey16.png": Image.fromarray((ramp * 65535).astype(np.uint16)),
        "grey12.png": Image.fromarray((ramp * 4095).astype(np.uint16)),
        "int32.tif": Image.fromarray((ramp * 1e9).astype(np.int32)),
        "float.tif": Image.fromarray((ramp * 7 - 3).astype(np.float32)),
        "grey16.tif": Image.fromarray((ramp * 65535).astype(np.uint16)),
    }


@pytest.mark.parametrize("form", depths(1))
def test_deep_images_keep_their_content(tmp_path: Path, form: str) -> None:
    """Grey images of 16 or 32 bits and of floats are scaled by what the folder holds, which is said."""
    for name, level in (("bright", 1.0), ("dark", 0.25)):
        (tmp_path / "art" / name).mkdir(parents=True)
        for number in range(6):
            depths(level)[form].save(tmp_path / "art" / name / f"{number}{Path(form).suffix}")
    task = Task.from_image_folder(tmp_path / "art", test=0.5)
    bright, dark = (task.train[0][task.train[1] == label][0] * 0.25 + 0.5 for label in (0, 1))
    ramp = torch.linspace(0, 1, 48).reshape(1, 8, 6)
    torch.testing.assert_close(bright, ramp, rtol=0, atol=1e-3)
    torch.testing.assert_close(dark, 0.25 * ramp, rtol=0, atol=1e-3)
    assert "become 0 to 1" in task.notes[0]
    assert Task.from_image_folder(tmp_path / "art", test=0.5, size=(4, 3)).train[0].shape[1:] == (1, 4, 3)


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_images_are_read_the_right_way_up(tmp_path: Path, turn: int) -> None:
    """A camera's EXIF orientation is applied, to the size as well."""
    folder = pictures(tmp_path / "art")
    values = np.arange(48, dtype=np.uint8).reshape(8, 6) * 5
    stored = {3: np.rot90(values, 2), 6: np.rot90(values, 1), 8: np.rot90(values, -1)}[turn]
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(np.ascontiguousarray(stored)).save(folder / "bright" / "0.png", exif=exif)
    found = image_folder(folder)[0][0]
    torch.testing.assert_close(found[0] * 0.25 + 0.5, torch.from_numpy(values).float() / 255)


def test_what_cannot_be_read_whole_is_refused(tmp_path: Path) -> None:
    """Several pages in a file, and images of several depths in a folder."""
    folder = pictures(tmp_path / "art")
    deep = depths(1)["grey16.png"]
    deep.save(folder / "dark" / "5.png")
    with pytest.raises(UserError, match="one depth"):
        Task.from_image_folder(folder)
    deep.save(folder / "dark" / "5.tif", save_all=True, append_images=[deep])
    (folder / "dark" / "5.png").unlink()
    with pytest.raises(UserError, match=r"5.tif holds 2 pages"):
        Task.from_image_folder(folder)
    with pytest.raises(UserError, match="size must be"):
        Task.from_image_folder(folder, size=0)


def test_images_are_resized_on_request(tmp_path: Path) -> None:
    """Colours have three channels, and `size` brings images of different sizes together."""
    folder = pictures(tmp_path / "art", mode="RGB")
    Image.new("RGB", (20, 10)).save(folder / "bright" / "0.png")
    with pytest.raises(UserError, match=r"\(10, 20\).*\(8, 6\).*size=64"):
        Task.from_image_folder(folder)
    assert Task.from_image_folder(folder, size=5).train[0].shape[1:] == (3, 5, 5)


def test_another_folder_may_be_the_test_part(tmp_path: Path) -> None:
    """Its classes are matched by name; one that training has not is refused."""
    train, test = pictures(tmp_path / "train"), pictures(tmp_path / "test", 3)
    task = Task.from_image_folder(train, test=test)
    assert torch.bincount(task.test[1]).tolist() == [3, 3]
    (test / "dark").rename(test / "dusk")
    with pytest.raises(UserError, match="bright, dark, but there is a folder dusk"):
        Task.from_image_folder(train, test=test)


def test_a_bad_folder_is_one_line(tmp_path: Path) -> None:
    """A folder that is not there, without classes, with an empty class, or with a broken image."""
    with pytest.raises(UserError, match="no folder"):
        image_folder(tmp_path / "nowhere")
    with pytest.raises(UserError, match="two classes"):
        image_folder(tmp_path)
    folder = pictures(tmp_path / "art")
    (folder / "dark" / "3.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    with pytest.raises(UserError, match=r"3.png is not: .*repair or remove"):
        Task.from_image_folder(folder)
    (folder / "void").mkdir()
    with pytest.raises(UserError, match="void has none"):
        image_folder(folder)


def test_augmentation_changes_training_batches_alone() -> None:
    """What `augment` returns is trained on, drawn from its generator alone; evaluation sees the data."""

    def shifted(inputs: Tensor, generator: torch.Generator) -> Tensor:
        return inputs + torch.randn(inputs.shape, generator=generator)

    plain, noisy, again = (trained(task_of(augment=a)) for a in (None, shifted, shifted))
    assert plain != noisy
    assert noisy == again
    task = task_of(augment=shifted)
    assert torch.equal(split_for(task, Repeat(0), 1, 0).held[0], task.validation[0])


@pytest.mark.parametrize(
    ("augment", "said"),
    [
        (lambda inputs: inputs, "augment must take"),
        (lambda inputs, generator: inputs[:, :2], r"augment must return .*\(N, 2\)"),
        (lambda inputs, generator: None, "NoneType"),
    ],
)
def test_a_bad_augmentation_is_one_line(augment: Any, said: str) -> None:
    """One that takes something else or changes the shape is refused before anything is trained."""
    with pytest.raises(UserError, match=said) as caught:
        task_of(augment=augment, model=lambda: nn.Linear(6, 3))
    assert len(str(caught.value).splitlines()) == 1
