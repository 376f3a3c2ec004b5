"""The code that the page gives its reader to copy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lossmith.experiments.experiment import Experiment
from lossmith.experiments.report.usage import FOLDER, snippets
from lossmith.experiments.store import Store
from lossmith.spaces.recipe import Recipe

DATA = """
import torch
from torch import nn
torch.manual_seed(0)
X, y = torch.randn(64, 4), torch.randint(3, (64,))
network = nn.Linear(4, 3)
before = network.weight.detach().clone()
"""
LIGHTNING = DATA + "loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), 16)\n"
LIGHTNING_AFTER = """
lightning.Trainer(max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False).fit(
    Module(network), loader)
"""
HUGGING_FACE = (
    DATA
    + """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = network
    def forward(self, inputs, labels=None):
        return {"logits": self.network(inputs)}
model = Model()
train_dataset = [{"inputs": x, "labels": t} for x, t in zip(X, y)]
"""
)
CHECK = "\nassert not torch.equal(before, network.weight.detach().cpu()), 'nothing was learned'\n"


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> Path:
    """A folder with an export in it, as the page says to make it."""
    Experiment(store, "multiclass").export(tmp_path / FOLDER)
    return tmp_path


def run(code: str, folder: Path) -> None:
    """Run a script as its reader would."""
    (folder / "script.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr


def code_of(title: str, recipe: Recipe | None = None, kind: str = "multiclass") -> str:
    """One of the snippets."""
    found = snippets(recipe or Recipe(), 0.01, kind)
    return next(snippet.code for snippet in found if snippet.title == title)


TARGETS: dict[str, tuple[int, Tensor]] = {  # columns of the model, and targets as people have them
    "multiclass": (3, torch.arange(64) % 3),
    "binary": (1, torch.arange(64) % 2),
    "multilabel": (2, torch.stack([torch.arange(64) % 2, torch.arange(64) // 2 % 2], 1)),
    "regression": (1, torch.arange(64) / 64),
}


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("kind", TARGETS)
def test_the_plain_loop_trains(
    kind: str, optimizer: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copied as it stands, for each kind, with a model of one output too, it changes the weights."""
    Experiment(store, kind).export(tmp_path / FOLDER)
    monkeypatch.syspath_prepend(tmp_path)
    for module in (FOLDER, f"{FOLDER}.loss"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    columns, targets = TARGETS[kind]
    model = nn.Linear(4, columns)
    before, inputs = model.weight.detach().clone(), torch.randn(64, 4)
    code = code_of("PyTorch", Recipe(optimizer=optimizer, weight_decay=0.01), kind)
    exec(code, {"model": model, "loader": [(inputs, targets)] * 3})  # noqa: S102  (as its reader would)
    assert not torch.equal(before, model.weight)
    assert bool(model.weight.isfinite().all())


@pytest.mark.parametrize("kind", TARGETS)
def test_the_batches_of_one_step_count_by_their_samples(
    kind: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the Trainer adds up over accumulated batches is their mean, not their sum."""
    Experiment(store, kind).export(tmp_path / FOLDER)
    monkeypatch.syspath_prepend(tmp_path)
    for module in (FOLDER, f"{FOLDER}.loss"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    columns, labels = TARGETS[kind]
    logits = torch.randn(64, columns, generator=torch.Generator().manual_seed(0))
    code = code_of("Hugging Face Trainer", kind=kind).partition("trainer = ")[0]
    space: dict[str, Any] = {}
    exec(code.replace("from transformers import Trainer, TrainingArguments", ""), space)  # noqa: S102
    compute = space["compute_loss"]
    twice = sum(compute({"logits": logits}, labels, num_items_in_batch=2 * labels.numel()) for _ in range(2))
    assert float(twice) == pytest.approx(float(compute({"logits": logits}, labels)), rel=1e-6)


@pytest.mark.slow
def test_lightning_trains(folder: Path) -> None:
    """The same in a LightningModule."""
    run(LIGHTNING + code_of("Lightning") + LIGHTNING_AFTER + CHECK, folder)


@pytest.mark.slow
def test_the_trainer_of_hugging_face_trains(folder: Path) -> None:
    """The same through `compute_loss_func`."""
    run(HUGGING_FACE + code_of("Hugging Face Trainer") + "trainer.train()\n" + CHECK, folder)


def test_the_learning_rate_is_that_of_the_loss() -> None:
    """A loss and its learning rate belong together, so every snippet has it."""
    for title in ("PyTorch", "Lightning", "Hugging Face Trainer"):
        assert "0.01" in code_of(title)
    assert "momentum=0.9" in code_of("PyTorch", Recipe(optimizer="sgd"))


def test_mlflow_is_named_where_there_is_a_model() -> None:
    """Only a search that registered its winner says how to load it, and without pickle."""
    assert len(snippets(Recipe(), 0.01, "multiclass")) == 3
    code = snippets(Recipe(), 0.01, "multiclass", "digits-1")[-1].code
    assert "models:/digits-1@champion" in code
    assert '"MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"' in code
