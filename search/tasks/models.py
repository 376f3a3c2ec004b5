"""A task's model factory, tried out before anything is trained with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...losses import Kind
from ...losses.custom.user_code import user_error
from ...losses.errors import UserError
from .data import Data, shape_of

Build = Callable[[], nn.Module]


class Tried(NamedTuple):
    """What trying a model showed.

    `outputs` is the number of classes (multiclass, else 0), `is_stochastic` says whether training draws
    random numbers, and `parameters` is the number of numbers in the model's parameters.
    """

    outputs: int
    is_stochastic: bool
    parameters: int


def tried(kind: Kind, name: str, build: Build, parts: dict[str, Data]) -> Tried:
    """Refuse, with a `UserError`, models that could not be trained on `parts`; `build` makes one, seeded.

    `name` is the task's, for the errors.
    """
    check = _Check(kind, name, parts)
    model, twin = check.built(build), check.built(build)
    check.trainable(model)
    outputs = check.outputs(check.called(model.eval(), "evaluation"))
    twins_buffers = [buffer.clone() for buffer in twin.buffers()]
    with torch.random.fork_rng(devices=[]):
        before = torch.get_rng_state()
        check.called(model.train(), "training")
        is_stochastic = not torch.equal(before, torch.get_rng_state())
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    if any(id(p) in trained for p in twin.parameters()) or not all(
        torch.equal(buffer, old) for buffer, old in zip(twin.buffers(), twins_buffers, strict=True)
    ):
        raise check.wrong(
            "model() must build a fresh nn.Module at each call, but what two calls built shares layers; "
            "make every layer inside the function"
        )
    return Tried(outputs, is_stochastic, sum(p.numel() for p in model.parameters()))


class _Check(NamedTuple):
    """The rules, each a method that raises."""

    kind: Kind
    name: str
    parts: dict[str, Data]

    def wrong(self, message: str) -> UserError:
        return UserError(f"task {self.name}: {message}")

    def built(self, build: Build) -> nn.Module:
        try:
            return build()
        except UserError:
            raise
        except Exception as error:
            said = f"task {self.name}: model() must return an nn.Module, but it raised"
            raise user_error(said, error) from error

    def trainable(self, model: nn.Module) -> None:
        parameters = list(model.parameters())
        if any(isinstance(p, nn.UninitializedParameter) for p in parameters):
            raise self.wrong(
                "lazy layers must be replaced by layers whose sizes are given, such as nn.Linear(64, 10)"
            )
        if not any(p.requires_grad for p in parameters):
            raise self.wrong("the model must have parameters to train, but it has none")
        for what, tensor in (*model.named_parameters(), *model.named_buffers()):
            if tensor.device.type != "cpu":
                raise self.wrong(
                    f"model() must build its model on the CPU, from where lossmith moves it, but {what} "
                    f"is on {tensor.device}; build it without a device"
                )

    @torch.no_grad()
    def called(self, model: nn.Module, mode: str) -> object:
        """What the model returns for three samples."""
        inputs: Tensor = self.parts["train"][0]
        try:
            return model(inputs[:3])
        except Exception as error:
            said = f"the model must accept inputs of shape {shape_of(inputs)}, but in {mode} it raised"
            raise user_error(f"task {self.name}: {said}", error) from error

    def outputs(self, outputs: object) -> int:
        shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        wanted = tuple(self.parts["train"][1][:3].shape)
        if self.kind != "multiclass":
            # A single output may have a dimension of its own.
            if shape != wanted and not (len(wanted) == 1 and shape == (*wanted, 1)):
                raise self.wrong(
                    f"the model must return outputs shaped as the targets, {wanted}, but it returned {shape}"
                )
            return 0
        if not isinstance(outputs, Tensor) or outputs.shape[:-1] != wanted or outputs.shape[1] < 2:
            raise self.wrong(
                f"a multiclass model must return logits (N, K) with K >= 2, but it returned {shape} "
                f"for {wanted[0]} samples"
            )
        self.labels(outputs.shape[1])
        return outputs.shape[1]

    def labels(self, classes: int) -> None:
        """Every label has an output, and every class that is held out was there to be learnt."""
        targets: dict[str, Any] = {part: labels for part, (_, labels) in self.parts.items()}
        everything = torch.cat(list(targets.values()))
        least, most = int(everything.min()), int(everything.max())
        if least < 0 or most >= classes:
            raise self.wrong(
                f"labels must lie in 0..{classes - 1}, for the model has {classes} outputs, "
                f"but they run from {least} to {most}"
            )
        learnt = torch.bincount(targets.pop("train"), minlength=classes) > 0
        for part, labels in targets.items():
            if not bool(learnt[labels].all()):
                unseen = labels[~learnt[labels]]
                raise self.wrong(
                    f"every class must occur in train, but class {int(unseen[0])} has "
                    f"{int((unseen == unseen[0]).sum())} samples in {part} and none in train; "
                    "move some to train or drop the class"
                )
