"""The loop engine: one model after another, with torch's own optimiser. Slow, and the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

from ....losses import freeze
from ....losses.custom import in_user_code
from ....losses.stacked import StackedLoss
from ....spaces.recipe import Recipe
from ...random_streams import stream_seed
from ...records import Candidate
from ...tasks.task import Task
from ..program import Job, fault_of
from .engine import Engine
from .precision import called
from .schedules import scheduler

EVALUATED_AT_ONCE = 4096  # samples
IMAGES = 4  # dimensions: samples, channels, height, width


class LoopProgram:
    """Members trained one by one, each as a plain PyTorch loop would."""

    def __init__(self, job: Job) -> None:
        self.job, self._epoch = job, 0
        seed = stream_seed(job.seed, "model", job.repeat.seed)
        self._layout = _layout(job.task, job.device)
        self._models = [_built(job.task, seed, job.device, self._layout) for _ in job.candidates]
        self._losses = [_loss(job, c) for c in job.candidates]
        self._candidates = list(job.candidates)
        self._recipes = [c.recipe for c in job.candidates]
        self._optimizers = [_optimizer(m, r) for m, r in zip(self._models, self._recipes, strict=True)]
        self._schedulers = [
            scheduler(optimizer, r, job.steps)
            for optimizer, r in zip(self._optimizers, self._recipes, strict=True)
        ]

    def train(self, epochs: int) -> None:
        with self.job.rng_scope():
            for member in range(len(self._models)):
                with in_user_code(f"task {self.job.task.name}: training failed", self._trial(member)):
                    self._train(member, epochs)
        self._epoch += epochs

    def _trial(self, member: int) -> dict[str, object]:
        """What is told of a member whose training fails in the user's code."""
        candidate = self._candidates[member]
        return {**candidate.spec.parameters, "recipe.learning_rate": candidate.recipe.rate}

    def _train(self, member: int, epochs: int) -> None:
        model, loss, clip = self._models[member].train(), self._losses[member], self._recipes[member].clip
        optimizer, schedule = self._optimizers[member], self._schedulers[member]
        recipe = self._recipes[member]
        last = recipe.trained_epochs * self.job.steps - 1  # torch's schedules end with the training
        for epoch in range(self._epoch, self._epoch + epochs):
            if recipe.stopped(epoch):
                return
            for step, (inputs, *rest) in enumerate(self.job.batches(epoch)):
                self.job.seed_step(epoch, step)
                optimizer.zero_grad(set_to_none=True)
                given = (some.to(self.job.device) for some in rest if some is not None)
                loss(self._called(model, inputs), *given).backward()
                if clip is not None:
                    nn.utils.clip_grad_norm_(model.parameters(), clip)
                optimizer.step()
                if schedule is not None and epoch * self.job.steps + step < last:
                    schedule.step()

    @torch.no_grad()
    def outputs(self, inputs: Tensor | None = None) -> Tensor:
        inputs = self.job.split.held[0] if inputs is None else inputs
        return torch.stack([self._evaluated(model.eval(), inputs) for model in self._models])

    def _evaluated(self, model: nn.Module, inputs: Tensor) -> Tensor:
        found = [
            self._called(model, inputs[start : start + EVALUATED_AT_ONCE])
            for start in range(0, len(inputs), EVALUATED_AT_ONCE)
        ]
        if self.job.precision != "float32":
            found = [some.float() for some in found]
        return found[0] if len(found) == 1 else torch.cat(found)

    def _called(self, model: nn.Module, inputs: Tensor) -> Tensor:
        """The outputs for inputs that are brought to the device."""
        there = inputs.to(self.job.device, memory_format=self._layout)
        if self.job.precision == "float32":
            outputs: Tensor = model(there)
            return outputs
        return called(model, dict(model.named_parameters()), there, self.job.precision)

    def parameters(self, member: int) -> dict[str, Tensor]:
        model = self._models[member]
        return {
            name: value.detach().clone(memory_format=torch.contiguous_format).cpu()
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
        self._candidates = [self._candidates[m] for m in members]
        self._recipes = [self._recipes[m] for m in members]
        self._optimizers = [self._optimizers[m] for m in members]
        self._schedulers = [self._schedulers[m] for m in members]

    def join(self, other: LoopProgram) -> None:
        self._models += other._models
        self._losses += other._losses
        self._candidates += other._candidates
        self._recipes += other._recipes
        self._optimizers += other._optimizers
        self._schedulers += other._schedulers


@lru_cache(maxsize=1)
def _layout(task: Task, device: torch.device) -> torch.memory_format:
    """How images lie in memory: channels last where the model bears it, for it is faster.

    Convolutions like it, and on a CPU torch pools it seven times as fast. A model that takes views of what it
    computes may not bear it: a step of one tells, once for all programs of a task. One that draws random
    numbers would draw others than in the cohort engine, which knows one layout.
    """
    inputs = task.train[0][:2]
    if inputs.dim() != IMAGES or task.is_stochastic:
        return torch.preserve_format
    try:
        there = inputs.to(device, memory_format=torch.channels_last)
        _built(task, 0, device, torch.channels_last)(there).float().sum().backward()
    except Exception:  # noqa: BLE001  (whatever it is, the model as it is will tell)
        return torch.preserve_format
    return torch.channels_last


def _loss(job: Job, candidate: Candidate) -> Callable[..., Tensor]:
    """A candidate's loss with the constants of the job's data; samples may count differently in it."""
    task, known = job.task, job.split.constants
    if job.split.train_weights is None:
        counts, scale = known.get("class_counts"), known.get("target_scale")
        return freeze(candidate.spec.bind(counts, scale, **task.ignoring)).to(job.device)
    dtype = torch.promote_types(task.train[0].dtype, torch.float32)
    stacked = StackedLoss(task.kind, [candidate.spec], dtype, [known], job.device, task.ignored_target)
    return lambda *given: stacked(*(some[None] for some in given))


def _built(task: Task, seed: int, device: torch.device, layout: torch.memory_format) -> nn.Module:
    """A fresh model on the device, its convolutions laid out as asked."""
    model = task.build(seed).to(device)
    if layout is not torch.preserve_format:
        nn.utils.convert_conv2d_weight_memory_format(model, layout)
    return model


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            lr=recipe.rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
        )
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(model.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)


ENGINE = Engine("loop", LoopProgram)
