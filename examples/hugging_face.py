"""A Hugging Face Trainer whose loss is searched: `lossmith search examples/hugging_face.yaml`.

The model is a small BERT built from its configuration, and the sentences are made up: nothing is downloaded.
"""

import tempfile

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from lossmith.search import own_training

WORDS, LENGTH = 40, 12


class Sentences(Dataset):
    """Sequences of word numbers; the rare class 1 has more words of the upper half than of the lower."""

    def __init__(self, count, seed):
        draw = np.random.default_rng(seed)
        self.words = draw.integers(1, WORDS, (count, LENGTH))
        self.labels = ((self.words > WORDS // 2).sum(1) > 7).astype(int)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"input_ids": torch.tensor(self.words[i]), "labels": torch.tensor(self.labels[i])}


PARTS = {"train": Sentences(256, 0), "validation": Sentences(200, 1), "test": Sentences(400, 2)}
CONFIG = BertConfig(
    vocab_size=WORDS,
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
    num_labels=2,
)


class StepLoss:
    """The mean over a whole step, of which the Trainer adds up the batches where it accumulates gradients."""

    def __init__(self, loss):
        self.loss = loss

    def __call__(self, outputs, labels, num_items_in_batch=None):
        share = 1 if num_items_in_batch is None else len(labels) / num_items_in_batch
        return self.loss(outputs.logits, labels) * share


class Reporting(TrainerCallback):
    """Tells the search the score of each epoch."""

    def __init__(self, trial):
        self.trial = trial

    def on_evaluate(self, args, state, control, metrics=None, **_):
        self.trial.report(int(state.epoch), metrics["eval_macro_f1"])


def macro_f1(prediction):
    """What counts."""
    return {"macro_f1": f1_score(prediction.label_ids, prediction.predictions.argmax(1), average="macro")}


@own_training("multiclass", metric="macro_f1", name="sentences", recipe={"learning_rate": 3e-3})
def train(loss, trial):
    """One run of the Trainer; `compute_loss_func` is where it takes a loss from outside."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=BertForSequenceClassification(CONFIG),
            args=TrainingArguments(
                folder, num_train_epochs=3, learning_rate=trial.learning_rate, seed=trial.seed,
                per_device_train_batch_size=32, per_device_eval_batch_size=200, eval_strategy="epoch",
                save_strategy="no", logging_strategy="no", report_to=[], disable_tqdm=True,
                use_cpu=trial.device.type == "cpu",
            ),
            train_dataset=PARTS["train"],
            eval_dataset=PARTS[trial.part],
            compute_loss_func=StepLoss(loss),
            compute_metrics=macro_f1,
            callbacks=[Reporting(trial)],
        )  # fmt: skip
        trainer.train()
        return trainer.evaluate()["eval_macro_f1"]
