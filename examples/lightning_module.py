"""A Lightning module whose loss is searched: `lossmith search examples/lightning_module.yaml`."""

import logging
import warnings

import lightning
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from lossmith.search import own_training

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")

digits = load_digits()
data = TensorDataset(torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target))
PARTS = {"train": range(600), "validation": range(600, 1000), "test": range(1000, 1797)}


class Classifier(lightning.LightningModule):
    """An ordinary module; the loss comes from outside, and each epoch's score is reported."""

    def __init__(self, loss, trial):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        self.loss, self.trial, self.seen, self.score = loss, trial, [], 0.0

    def training_step(self, batch, _):
        inputs, targets = batch
        return self.loss(self.net(inputs), targets)

    def validation_step(self, batch, _):
        inputs, targets = batch
        self.seen.append((self.net(inputs).argmax(1), targets))

    def on_validation_epoch_end(self):
        guessed, targets = (torch.cat(some).cpu() for some in zip(*self.seen, strict=True))
        self.seen.clear()
        self.score = f1_score(targets, guessed, average="macro")
        self.trial.report(self.current_epoch, self.score)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.trial.learning_rate)


@own_training("multiclass", metric="macro_f1", name="digits-lightning")
def train(loss, trial):
    """One fit of the module."""
    module = Classifier(loss, trial)
    trainer = lightning.Trainer(
        max_epochs=3, accelerator="auto", devices=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(
        module,
        DataLoader(Subset(data, PARTS["train"]), batch_size=64, shuffle=True),
        DataLoader(Subset(data, PARTS[trial.part]), batch_size=400),
    )
    return module.score
