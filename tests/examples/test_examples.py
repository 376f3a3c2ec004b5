"""The examples run as they stand."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from lossmith.experiments import run_search
from lossmith.experiments.results.export import export_loss
from lossmith.experiments.spec import load_spec
from lossmith.losses import UserError, standard_loss, standard_spec
from lossmith.search import TrainingFunction, TrialHandle, load_task
from lossmith.search.training.functions import rehearsed

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
TRAININGS = ["own_loop", "lightning_module", "hugging_face", "segmentation"]
TINY: dict[str, Any] = {
    "trials": 2,
    "cohort": 2,
    "race": {"seeds": 2, "contenders": 1},
    "verdict": {"seeds": 2},
}


def module_of(name: str) -> Any:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_spec_is_read(file: Path) -> None:
    """A SPEC among the examples names a task that is there and keys that are known."""
    assert load_spec(file).task


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_example_is_rehearsed(name: str) -> None:
    """One training by the example works: it uses the loss, reports, tunes its rate and has test data."""
    training = load_task(f"{EXAMPLES / name}.py:train")
    assert isinstance(training, TrainingFunction)
    seen = rehearsed(training)
    assert seen.rehearsed.reports >= 3
    assert seen.tunes
    assert seen.tests
    assert seen.constants.class_counts is not None


@pytest.mark.parametrize("sizes", [(32,), (16, 16), (8, 8, 8, 8), (20, 12)])
def test_a_step_of_the_hugging_face_example_is_one_mean(sizes: tuple[int, ...]) -> None:
    """However many batches a step is accumulated of, their losses add up to the mean over its samples."""
    outputs, labels = torch.randn(32, 2), torch.arange(32) % 2
    loss = module_of("hugging_face").StepLoss(nn.CrossEntropyLoss())
    parts = zip(outputs.split(sizes), labels.split(sizes), strict=True)
    step = sum(loss(SimpleNamespace(logits=o), t, num_items_in_batch=torch.tensor(32)) for o, t in parts)
    assert torch.allclose(step, nn.functional.cross_entropy(outputs, labels))
    whole = loss(SimpleNamespace(logits=outputs), labels)  # as in evaluation, where no number is given
    assert torch.allclose(whole, nn.functional.cross_entropy(outputs, labels))


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_example_is_searched(name: str, tmp_path: Path) -> None:
    """The example's SPEC, with a smaller budget, goes to a verdict on test data."""
    document = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    spec = {**document, **TINY, "task": f"{EXAMPLES / name}.py:train"}
    spec["repeats"] = {**document["repeats"], "seeds": 2}
    experiment = run_search(spec, workdir=tmp_path)
    assert experiment.verdict is not None
    assert experiment.verdict.scored_on == "test"


def test_the_own_loop_runs_without_a_search() -> None:
    """A decorated training is still a function: the script runs by itself, with a trial of its own."""
    example = module_of("own_loop")
    assert example.train(torch.nn.CrossEntropyLoss(), TrialHandle(example.train.settings)) > 0.7


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A folder as `lossmith export` writes it, of a loss that reads the class counts."""
    spec = standard_spec("logit_adjustment", "multiclass").bind([50, 20, 5])
    export_loss(spec, tmp_path / "loss")
    return tmp_path / "loss"


def test_an_exported_loss_is_used_in_every_way(exported: Path) -> None:
    """Plain, under autocast and compiled, from loss.py and from loss.json, it has one value."""
    values = module_of("use_exported_loss").main(exported)
    assert values["compiled"] == pytest.approx(values["loss.json"], rel=1e-5)
    # bfloat16 keeps eight bits of a logit: three parts in a thousand.
    assert values["mixed precision"] == pytest.approx(values["loss.json"], rel=1e-2)


def test_the_source_equals_the_frozen_loss(exported: Path) -> None:
    """What stands in a project as loss.py trains as the module of this library does."""
    loss = module_of("use_exported_loss").from_source(exported)
    outputs, targets = torch.randn(9, 3, requires_grad=True), torch.randint(3, (9,))
    frozen = standard_loss("logit_adjustment", kind="multiclass", class_counts=[50, 20, 5])
    assert loss(outputs, targets).item() == pytest.approx(frozen(outputs, targets).item(), rel=1e-6)


def test_the_segmentation_example_ignores_its_frame() -> None:
    """Pixels with target 255 do not count in the loss: it takes them without a complaint and ignores them."""
    example = module_of("segmentation")
    images, labels = example.shapes(2, 0)
    logits = torch.randn(2, 3, *images.shape[2:])
    loss = standard_loss("cross_entropy", kind="multiclass", ignore_index=example.IGNORED)
    changed = logits.clone()
    changed[:, :, 0] += 100
    assert torch.equal(loss(logits, labels), loss(changed, labels))
    with pytest.raises(UserError, match="set ignore_index"):
        standard_loss("cross_entropy", kind="multiclass")(logits, labels)
