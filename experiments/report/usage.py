"""How to train with a loss that was exported: code to copy."""

from __future__ import annotations

from dataclasses import dataclass

from ...losses.kinds import Kind, kind_named
from ...spaces.recipe import Recipe

FOLDER = "my_loss"
_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}


@dataclass(frozen=True)
class Snippet:
    """A piece of code under a title."""

    title: str
    code: str


def snippets(recipe: Recipe, learning_rate: float, kind: Kind, model: str | None = None) -> list[Snippet]:
    """The loss in a plain loop, in Lightning, and in the Trainer of Hugging Face.

    Args:
        recipe: How the loss was trained when it was found.
        learning_rate: The rate that belongs to the loss.
        kind: The kind of problem, which says what shape and type outputs and targets have.
        model: The name of a registered model, where there is one; the loss is then taken from MLflow too.
    """
    # A model with one output gives (N, 1) where targets are (N,), and answers are often whole numbers.
    classes = kind_named(kind).target == "class"
    of_loop = "model(inputs), targets" if classes else "model(inputs).reshape(targets.shape), targets.float()"
    of_module = of_loop.replace("model(", "self.model(")
    of_trainer = (
        'outputs["logits"], labels' if classes else 'outputs["logits"].reshape(labels.shape), labels.float()'
    )
    optimizer, timing = _optimizer(recipe, learning_rate), _timing(recipe)
    plain = f"""\
import torch
from {FOLDER}.loss import Loss

loss = Loss()
optimizer = {optimizer.format(parameters="model.parameters()")}{timing}
for inputs, targets in loader:
    optimizer.zero_grad()
    loss({of_loop}).backward()
    optimizer.step()
"""
    lightning = f"""\
import lightning
import torch
from {FOLDER}.loss import Loss

class Module(lightning.LightningModule):
    def __init__(self, model):
        super().__init__()
        self.model, self.loss = model, Loss()

    def training_step(self, batch, index):
        inputs, targets = batch
        return self.loss({of_module})

    def configure_optimizers(self):
        return {optimizer.format(parameters="self.parameters()")}
"""
    hugging_face = f"""\
from transformers import Trainer, TrainingArguments
from {FOLDER}.loss import Loss

loss = Loss()

def compute_loss(outputs, labels, num_items_in_batch=None):
    value = loss.to(labels.device)({of_trainer})
    # The Trainer adds up the batches of one step: each counts by its share of their samples.
    return value if num_items_in_batch is None else value * labels.numel() / num_items_in_batch

trainer = Trainer(
    model=model,
    args=TrainingArguments("out", learning_rate={learning_rate:.3g}),
    train_dataset=train_dataset,
    compute_loss_func=compute_loss,
)
"""
    found = [
        Snippet("PyTorch", plain),
        Snippet("Lightning", lightning),
        Snippet("Hugging Face Trainer", hugging_face),
    ]
    if model is not None:
        found.append(
            Snippet(
                "MLflow",
                f"""\
import os
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"  # a loss needs no pickle
import mlflow

mlflow.set_tracking_uri("...")  # where the search was tracked
loss = mlflow.pytorch.load_model("models:/{model}@champion")
""",
            )
        )
    return found


def _timing(recipe: Recipe) -> str:
    """A line on schedule and early stopping, where the loss was found with them."""
    said = []
    if recipe.trained_epochs < recipe.epochs:
        said.append(f"{recipe.trained_epochs} epochs")
    if recipe.schedule != "constant":
        said.append(f"schedule {recipe.schedule}")
    return f"\n# found with {', '.join(said)}" if said else ""


def _optimizer(recipe: Recipe, learning_rate: float) -> str:
    more = f", weight_decay={recipe.weight_decay:g}" if recipe.weight_decay else ""
    if recipe.optimizer == "sgd" and recipe.momentum:
        more += f", momentum={recipe.momentum:g}"
    return f"torch.optim.{_OPTIMIZERS[recipe.optimizer]}({{parameters}}, lr={learning_rate:.3g}{more})"
