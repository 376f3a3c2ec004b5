"""Small problems of every kind, and what to train on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from lossmith.losses import Kind, parts_for, standard_specs
from lossmith.search import Candidate, Outcome, Recipe, Task
from lossmith.search.proposals.samplers import SAMPLERS
from lossmith.search.records import Measurement
from lossmith.search.tasks.data import Data
from lossmith.spaces import Domain, Space
from lossmith.spaces.numbers import WEIGHT

FEATURES = 6
METRICS = {
    "multiclass": "macro_f1",
    "binary": "binary_accuracy",
    "multilabel": "binary_accuracy",
    "regression": "rmse",
}


def clouds(counts: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float32) -> Data:
    """Overlapping clouds of points (N, FEATURES), one for each class, of these sizes."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    centres = 1.2 * torch.eye(FEATURES, dtype=dtype)[: len(counts)]
    return centres[labels] + torch.randn(len(labels), FEATURES, generator=draw, dtype=dtype), labels


def data(kind: Kind, count: int, seed: int, dtype: torch.dtype = torch.float32) -> Data:
    """`count` samples (count, FEATURES) of a problem of this kind; three classes, two labels, one number."""
    if kind == "multiclass":
        rare = max(2, count // 10)
        return clouds((count - rare - count // 3, count // 3, rare), seed, dtype)
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, FEATURES, generator=draw, dtype=dtype)
    noise = 0.3 * torch.randn(count, 2, generator=draw, dtype=dtype)
    signal = inputs[:, :2] + 0.5 * inputs[:, 2:4] * inputs[:, 4:] + noise
    if kind == "multilabel":
        return inputs, (signal > 0).to(dtype)
    return inputs, signal[:, 0] if kind == "regression" else (signal[:, 0] > 0).to(dtype)


def mlp(outputs: int = 3, *between: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """A factory of FEATURES - 8 - outputs, with ReLU and whatever else stands in between."""
    return lambda: nn.Sequential(
        nn.Linear(FEATURES, 8), nn.ReLU(), *(make() for make in between), nn.Linear(8, outputs)
    )


def task_of(kind: Kind = "multiclass", **changes: Any) -> Task:
    """A task of this kind: 90 training samples, 40 for validation, 40 for the test, 3 epochs, an MLP."""
    dtype = changes.pop("dtype", torch.float32)
    outputs = {"multiclass": 3, "multilabel": 2}.get(kind, 1)
    given: dict[str, Any] = {
        "name": f"small-{kind}",
        "kind": kind,
        "train": data(kind, 90, 0, dtype),
        "validation": data(kind, 40, 1, dtype),
        "test": data(kind, 40, 2, dtype),
        "model": mlp(outputs),
        "metric": METRICS.get(kind, "accuracy"),
        "recipe": {"epochs": 3, "batch_size": 16},
    }
    return Task(**{**given, **changes})


def images(count: int, seed: int, dtype: torch.dtype = torch.float32) -> Data:
    """Images (count, 1, 6, 6) with a bright spot whose place tells the class, of three."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=draw)
    pictures = torch.randn(count, 1, 6, 6, generator=draw, dtype=dtype)
    pictures[torch.arange(count), 0, 2, 1 + labels] += 2
    return pictures, labels


def image_task(model: Callable[[], nn.Module], dtype: torch.dtype = torch.float32, **recipe: Any) -> Task:
    """Images of three classes for a convolutional model."""
    return Task(
        name="spots",
        kind="multiclass",
        train=images(70, 0, dtype),
        validation=images(30, 1, dtype),
        test=images(30, 2, dtype),
        model=model,
        metric="accuracy",
        recipe={"epochs": 3, "batch_size": 16, **recipe},
    )


def cnn(*after: Callable[[], nn.Module], bias: bool = True) -> Callable[[], nn.Module]:
    """A factory of conv - `after` - ReLU - conv - ReLU - linear, on images (N, 1, 6, 6)."""
    return lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=bias),
        *(make() for make in after),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def space_of(kind: Kind) -> Space:
    """Every part there is for a kind, each on in half of the losses."""
    domains = {f"mix.{p.name}": WEIGHT for p in parts_for(kind).values() if p.stage == "term"}
    for part in parts_for(kind).values():
        for parameter in part.parameters:
            domains[f"{part.name}.{parameter.name}"] = Domain(*parameter.search, log=parameter.log)
    return Space(kind, domains, dict.fromkeys(parts_for(kind), 0.5), {})


def standards(kind: Kind, recipe: Recipe) -> list[Candidate]:
    """Every standard loss of a kind with one recipe."""
    return [Candidate(spec, recipe, standard=name) for name, spec in standard_specs(kind).items()]


def drawn(kind: Kind, recipe: Recipe, count: int, seed: int = 0) -> list[Candidate]:
    """`count` random points of the family."""
    space = space_of(kind)
    points = SAMPLERS["random"](space, None).propose((), count, 0, seed)
    return [Candidate(space.loss_at(point), recipe, point=point) for point in points]


def outcomes_of(measured: Iterable[Measurement]) -> list[Outcome]:
    """What is kept of each measurement of a runner."""
    return [one.outcome for one in measured]
