"""How to train with a loss that was exported: code to copy."""

from __future__ import annotations

from dataclasses import dataclass

from ...losses.kinds import Kind, kind_named
from ...spaces.recipe import Recipe

FOLDER = "my_loss"
_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}


@dataclass(frozen=True)
class Snippet:
    """A piece of code under a title.

    Attributes:
        title: The loop or library that the code is for.
        code: The code, to be copied.
    """

    title: str
    code: str


def snippets(
    recipe: Recipe,
    learning_rate: float,
    kind: Kind,
    model: str | None = None,
    *,
    in_units: bool = False,
    function: str | None = None,
) -> list[Snippet]:
    """The loss in a plain loop, in Lightning, and in the Trainer of Hugging Face; or in the user's own.

    Args:
        recipe: How the loss was trained when it was found.
        learning_rate: The rate that belongs to the loss.
        kind: The kind of problem, which says what shape and type outputs and targets have.
        model: The name of a registered model, where there is one; the loss is then taken from MLflow too.
        in_units: Whether the loss takes predictions in the targets' own units, while the model learns
            standardised ones, as in the search.
        function: The user's own training function that was searched, where it was one.
    """
    mlflow = [] if model is None else [_from_mlflow(model)]
    if function is not None:
        return [_own_function(function, learning_rate), *mlflow]
    # A model with one output gives (N, 1) where targets are (N,), and answers are often whole numbers.
    classes = kind_named(kind).target == "class"
    of_loop = "model(inputs), targets" if classes else "model(inputs).reshape(targets.shape), targets.float()"
    of_trainer = (
        'outputs["logits"], labels' if classes else 'outputs["logits"].reshape(labels.shape), labels.float()'
    )
    note = ""
    if in_units:  # the rate belongs to a model whose outputs are standardised
        note = "    # the model learns standardised targets, as in the search\n"
        of_loop, of_trainer = (f"loss.mean + loss.spread * {code}" for code in (of_loop, of_trainer))
    of_module = of_loop.replace("model(", "self.model(").replace("loss.", "self.loss.")
    optimizer, timing = _optimizer(recipe, learning_rate), _timing(recipe)
    plain = f"""\
import torch
from {FOLDER}.loss import Loss

loss = Loss()
optimizer = {optimizer.format(parameters="model.parameters()")}{timing}
for inputs, targets in loader:
    optimizer.zero_grad()
{note}    loss({of_loop}).backward()
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
    loss.to(labels.device)
    value = loss({of_trainer})
    # The Trainer adds up the batches of one step: each counts by its share of their samples.
    return value if num_items_in_batch is None else value * labels.numel() / num_items_in_batch

trainer = Trainer(
    model=model,
    args=TrainingArguments("out", learning_rate={learning_rate:.3g}),
    train_dataset=train_dataset,
    compute_loss_func=compute_loss,
)
"""
    return [
        Snippet("PyTorch", plain),
        Snippet("Lightning", lightning),
        Snippet("Hugging Face Trainer", hugging_face),
        *mlflow,
    ]


def _own_function(name: str, learning_rate: float) -> Snippet:
    return Snippet(
        "Your own training function",
        f"""\
from lossmith.search import Recipe, TrialHandle
from {FOLDER}.loss import Loss

# {name}: the function that was searched, called as the search called it
score = train(Loss(), TrialHandle(Recipe(learning_rate={learning_rate:.3g}), part="test"))
""",
    )


def _from_mlflow(model: str) -> Snippet:
    return Snippet(
        "MLflow",
        f"""\
import os
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"  # a loss needs no pickle
import mlflow

mlflow.set_tracking_uri("...")  # where the search was tracked
loss = mlflow.pytorch.load_model("models:/{model}@champion")
""",
    )


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
