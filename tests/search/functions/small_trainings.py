"""A training function that takes milliseconds, and what is made of it."""

from __future__ import annotations

from dataclasses import replace
from threading import Event
from typing import Any

import torch
from torch import nn

from lossmith.losses import standard_spec
from lossmith.search import Candidate, Recipe, Repeat, TrainingFunction, TrialHandle
from lossmith.search.training.functions import FunctionTrainer
from lossmith.search.training.functions.execute import in_process
from lossmith.search.training.functions.rehearse import rehearse

INPUTS = torch.randn(48, 3, generator=torch.Generator().manual_seed(0))
TARGETS = (INPUTS.sum(1) > 0.8).long()
REPEATS = [Repeat(0), Repeat(1)]


def train(loss: nn.Module, trial: TrialHandle) -> float:
    """A plain loop: 8 epochs, reported from 0."""
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.learning_rate)
    accuracy = 0.0
    for epoch in range(8):
        for rows in torch.randperm(48).split(16):
            optimizer.zero_grad()
            loss(model(INPUTS[rows]), TARGETS[rows]).backward()
            optimizer.step()
        accuracy = float((model(INPUTS).argmax(1) == TARGETS).float().mean())
        trial.report(epoch, accuracy)
    return accuracy


def candidates(*rates: float, loss: str = "cross_entropy") -> list[Candidate]:
    """One loss at several learning rates."""
    return [Candidate(standard_spec(loss, "multiclass"), Recipe(epochs=8, learning_rate=r)) for r in rates]


def made(function: Any = train, **settings: Any) -> TrainingFunction:
    """A rehearsed training."""
    training = TrainingFunction(function, "multiclass", metric="accuracy", **settings)
    return replace(training, rehearsal=rehearse(training))


def trainer(training: TrainingFunction) -> FunctionTrainer:
    """One that trains in this process."""
    stop = Event()
    return FunctionTrainer(training, in_process(training, stop), stop=stop)
