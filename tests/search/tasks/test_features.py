"""Tasks on frozen features: the backbone runs once, and the full model has the last word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from lossmith.losses import UserError
from lossmith.search import MemoryLedger, Plan, Task, conduct
from lossmith.search.records import SilentProgress
from lossmith.search.tasks.loaders.backbone import content_hash
from lossmith.search.tasks.streaming import Streamed
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.spaces import space_from

from ..small_tasks import FEATURES, data

TRAIN, TEST = data("multiclass", 60, 0), data("multiclass", 30, 1)


class Counting(nn.Module):
    """A backbone that counts its batches; it normalises and drops out, were it left to."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layers = nn.Sequential(
                nn.Linear(FEATURES, 12), nn.BatchNorm1d(12), nn.Dropout(0.5), nn.ReLU(), nn.Linear(12, 5)
            )
        self.batches = 0

    def forward(self, inputs: Tensor) -> Tensor:
        """Features (N, 5, 1)."""
        self.batches += 1
        found: Tensor = self.layers(inputs)
        return found.unsqueeze(2)


def features(folder: Path, backbone: nn.Module, lines: list[str] | None = None, **changes: Any) -> Task:
    """The task of a linear head on the backbone's features."""
    given: dict[str, Any] = {"train": TRAIN, "test": TEST, "recipe": {"epochs": 2}, "batch_size": 16}
    told = (lambda _: None) if lines is None else lines.append
    return Task.from_features(backbone, cache=folder, progress=told, **{**given, **changes})


def test_a_task_on_features_is_a_head_on_what_the_backbone_gives(tmp_path: Path) -> None:
    """Features are those of the backbone in evaluation mode, flattened and standardised by training."""
    backbone = Counting()
    task = features(tmp_path, backbone)
    with torch.no_grad():
        raw = {name: backbone.eval()(part[0]).flatten(1) for name, part in (("train", TRAIN), ("test", TEST))}
    mean, spread = raw["train"].mean(0), raw["train"].std(0, correction=0)
    for name, part in (("train", task.train), ("test", task.test)):
        assert torch.allclose(part[0], (raw[name] - mean) / spread, atol=1e-5)  # float32, spread near 0.1
    assert str(task.model) == "linear 5-3"
    assert str(features(tmp_path, backbone, head="mlp").model) == "MLP 5-64-3"


def test_the_backbone_is_left_as_it_was(tmp_path: Path) -> None:
    """Its weights, running statistics and training modes are the user's own."""
    backbone = Counting().train()
    backbone.layers[2].eval()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    features(tmp_path, backbone)
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert backbone.training
    assert not backbone.layers[2].training
    assert all(p.requires_grad for p in backbone.parameters())


def test_the_backbone_runs_once(tmp_path: Path) -> None:
    """A second task on the same data and weights reads the features, which are the same to the bit."""
    backbone, lines = Counting(), list[str]()
    first = features(tmp_path, backbone, lines)
    assert backbone.batches == 4 + 2
    assert any("train features 60/60" in line for line in lines)
    again = features(tmp_path, Counting(), lines, head="mlp")
    assert torch.equal(first.train[0], again.train[0])
    assert backbone.batches == 4 + 2
    assert f"from {tmp_path}" in lines[-1]
    assert {path.suffix for path in tmp_path.iterdir()} == {".pt"}  # nothing half-written is left


def test_other_weights_other_code_or_other_data_are_run_anew() -> None:
    """The hash tells weights, architecture, the code of the user's own modules, and all of the data."""

    class Doubled(Counting):
        def forward(self, inputs: Tensor) -> Tensor:
            return 2 * super().forward(inputs)

    Doubled.__qualname__ = "Counting"
    moved = Counting()
    with torch.no_grad():
        next(moved.layers.parameters())[0, 0] += 1e-6
    changed = TRAIN[0].clone()
    changed[-1, -1] += 1e-6
    hashes = [
        content_hash(Counting(), TRAIN[0]),
        content_hash(moved, TRAIN[0]),
        content_hash(Doubled(), TRAIN[0]),
        content_hash(Counting(), changed),
        content_hash(Counting(), TRAIN[0][:-1]),
    ]
    assert len(set(hashes)) == len(hashes)
    assert content_hash(Counting(), TRAIN[0]) == hashes[0]
    streamed: Any = Streamed(TensorDataset(*TRAIN))
    assert content_hash(Counting(), streamed) == hashes[0]


def test_a_broken_cache_is_made_anew(tmp_path: Path) -> None:
    """A file that was cut off, or holds something else, is no reason to fail and is replaced."""
    backbone = Counting()
    first = features(tmp_path, backbone)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert torch.equal(features(tmp_path, backbone).train[0], first.train[0])
    assert backbone.batches == 12
    features(tmp_path, backbone)
    assert backbone.batches == 12 + 2  # one of each part, to see that they are the same


class Pooled(nn.Module):
    """A backbone whose features depend on a plain attribute and on a function."""

    def __init__(self, pooling: str = "mean", layer: int = 0, by: float = 1.0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layers = nn.ModuleList(nn.Linear(FEATURES, 6) for _ in range(2))
        self.pooling, self.layer, self.by = pooling, layer, by

    def forward(self, inputs: Tensor) -> Tensor:
        """Features (N, 2)."""
        pairs = self.layers[self.layer](inputs).unflatten(1, (2, 3))
        pooled: Tensor = pairs.mean(2) if self.pooling == "mean" else pairs.amax(2)
        return self.by * pooled


@pytest.mark.parametrize(
    "changes", [{"pooling": "max"}, {"layer": 1}, {"by": 1.01}, {"pooling": "max", "by": 2.0}]
)
def test_what_the_hash_does_not_see_is_not_taken_from_the_cache(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Another pooling, layer or scale in a plain attribute makes features anew, and says so."""
    lines: list[str] = []
    features(tmp_path, Pooled())
    given = features(tmp_path, Pooled(**changes), lines)
    assert any("made anew" in line for line in lines)
    assert torch.equal(given.train[0], features(tmp_path / "fresh", Pooled(**changes)).train[0])
    lines.clear()
    features(tmp_path, Pooled(**changes), lines)
    assert not any("made anew" in line for line in lines)


def test_a_folder_that_cannot_be_written_costs_the_cache_alone(tmp_path: Path) -> None:
    """The task is made all the same, and the user is told."""
    (tmp_path / "file").write_text("")
    lines: list[str] = []
    assert features(tmp_path / "file" / "below", Counting(), lines).classes == 3
    assert any("not kept" in line for line in lines)


def test_datasets_and_pairs_are_the_same_task(tmp_path: Path) -> None:
    """A map-style dataset stands where a pair of tensors may."""
    pairs = features(tmp_path / "one", Counting())
    sets = features(tmp_path / "two", Counting(), train=TensorDataset(*TRAIN), test=TensorDataset(*TEST))
    assert pairs.describe().fingerprint == sets.describe().fingerprint


class Fails(nn.Module):
    """A backbone with a bug in it."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Raises."""
        raise IndexError("no such layer")


BAD: dict[str, tuple[Any, tuple[str, ...]]] = {
    "a function": (lambda inputs: inputs, ("nn.Module", "function")),
    "no batch": (nn.Flatten(0), ("features (N, ...)", "(96,)")),
    "raises": (Fails(), ("backbone", "IndexError: no such layer", "test_features.py")),
    "wrong size": (nn.Linear(3, 2), ("(16, 6)", "RuntimeError")),
    "meta": (nn.Linear(FEATURES, 2, device="meta"), ("weights", "meta")),
    "NaN": (nn.Sequential(nn.Linear(FEATURES, 2), nn.Threshold(1e9, float("nan"))), ("finite", "row 0")),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_backbone_is_one_line(tmp_path: Path, case: str) -> None:
    """What cannot be a backbone is refused in one line, and nothing is cached."""
    backbone, said = BAD[case]
    with pytest.raises(UserError) as caught:
        features(tmp_path, backbone)
    assert len(str(caught.value).splitlines()) == 1
    for word in said:
        assert word in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_unknown_head_is_one_line(tmp_path: Path) -> None:
    """Heads are linear, mlp, or a factory."""
    with pytest.raises(UserError, match="linear, mlp or a function"):
        features(tmp_path, Counting(), head="conv")


PLAN = Plan(
    trials=4, seeds=1, folds=2, width=4, rates=2, contenders=2, race_rounds=1, race_seeds=2, verdict_seeds=2
)


def full() -> nn.Module:
    """The backbone with a head, all of it to be trained."""
    return nn.Sequential(Counting(), nn.Flatten(), nn.Linear(5, 3))


def test_the_full_model_confirms_or_not(tmp_path: Path) -> None:
    """After the verdict its losses are trained with the full model, once: a resume reads what came of it."""
    task = features(tmp_path, Counting(), confirm=full, confirm_recipe={"epochs": 1, "batch_size": 16})
    assert task.confirm is not None
    assert task.confirm.model_parameters > task.model_parameters
    ledger = MemoryLedger()
    space = space_from("auto", task.kind, [20, 20, 20])
    documents = [
        conduct(task, space, PLAN, Trainer(task, folds=2), ledger, SilentProgress()).verdict for _ in range(2)
    ]
    assert documents[0] == documents[1]
    assert documents[0] is not None
    found = documents[0].confirmation
    assert found is not None
    assert found.task == "features-full"
    assert found.ahead.ci_low <= found.ahead.difference <= found.ahead.ci_high
    assert found.ahead.difference == pytest.approx(found.searched.mean - found.best_standard.mean)
    assert documents[0].sentence.endswith(found.sentence)
    assert "with the full model" in found.sentence
    assert [unit.phase for unit in ledger.units.values()].count("confirm") == 1


def test_a_task_without_a_full_model_is_not_confirmed(tmp_path: Path) -> None:
    """The verdict then has no confirmation, and neither has its document."""
    task = features(tmp_path, Counting())
    space = space_from("auto", task.kind, [20, 20, 20])
    document = conduct(task, space, PLAN, Trainer(task, folds=2), MemoryLedger(), SilentProgress()).verdict
    assert document is not None
    assert document.confirmation is None
    assert "confirmation" not in document.to_json()
