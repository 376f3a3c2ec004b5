"""The loop engine: one model after another, with torch's own optimiser. Slow, and the reference."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...losses import LossSpec, freeze
from ..recipe import Recipe
from ..streams import stream_seed
from .program import Job, fault_of


class LoopProgram:
    """Members trained one by one, each as a plain PyTorch loop would."""

    def __init__(self, job: Job) -> None:
        self.job, self._epoch = job, 0
        seed = stream_seed(job.seed, "model", job.repeat.seed)
        self._models = [job.task.build(seed) for _ in job.candidates]
        self._losses = [freeze(_bound(c.spec, job)) for c in job.candidates]
        self._optimizers = [
            _optimizer(m, c.recipe) for m, c in zip(self._models, job.candidates, strict=True)
        ]

    def train(self, epochs: int) -> None:
        with self.job.noise():
            for model, loss, optimizer in zip(self._models, self._losses, self._optimizers, strict=True):
                model.train()
                for epoch in range(self._epoch, self._epoch + epochs):
                    for step, (inputs, targets) in enumerate(self.job.batches(epoch)):
                        self.job.begin(epoch, step)
                        optimizer.zero_grad(set_to_none=True)
                        loss(model(inputs), targets).backward()
                        optimizer.step()
        self._epoch += epochs

    @torch.no_grad()
    def outputs(self, inputs: Tensor | None = None) -> Tensor:
        inputs = self.job.split.held[0] if inputs is None else inputs
        return torch.stack([model.eval()(inputs) for model in self._models])

    def parameters(self, member: int) -> dict[str, Tensor]:
        model = self._models[member]
        return {
            name: value.detach().clone()
            for name, value in (*model.named_parameters(), *model.named_buffers())
        }

    def faults(self) -> dict[int, str]:
        largest = [max(float(p.detach().abs().max()) for p in model.parameters()) for model in self._models]
        # Python's max keeps or drops a NaN by its place, hence the sum.
        broken = [any(bool(p.isnan().any()) for p in model.parameters()) for model in self._models]
        found = {
            m: fault_of(float("nan") if nan else value)
            for m, (value, nan) in enumerate(zip(largest, broken, strict=True))
        }
        return {member: f"{fault} by epoch {self._epoch}" for member, fault in found.items() if fault}

    def keep(self, members: Sequence[int]) -> None:
        self._models = [self._models[m] for m in members]
        self._losses = [self._losses[m] for m in members]
        self._optimizers = [self._optimizers[m] for m in members]


def _bound(spec: LossSpec, job: Job) -> LossSpec:
    """The spec with the constants of the split it is trained on."""
    constants = job.split.constants
    counts = constants["class_counts"].tolist() if "class_counts" in constants else None
    scale = float(constants["target_scale"]) if "target_scale" in constants else None
    return spec.bind(counts, scale)


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        model.parameters(), lr=recipe.rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
