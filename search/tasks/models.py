"""A task's model factory, tried out before anything is trained with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...losses import Kind
from ...losses.custom import user_error
from ...losses.errors import UserError
from ...losses.kinds import kind_named
from .data import Data, shape_of

Build = Callable[[], nn.Module]
SAMPLES = 16  # that a model with random parameters is called with


class Tried(NamedTuple):
    """What trying a model showed.

    `outputs` is the number of classes (multiclass, else 0), `is_stochastic` says whether training draws
    random numbers, and `parameters` is the number of numbers in the model's parameters.
    """

    outputs: int
    is_stochastic: bool
    parameters: int


def tried(kind: Kind, name: str, build: Build, parts: dict[str, Data]) -> Tried:
    """Build two models and call one, and refuse models that could not be trained on the parts.

    Args:
        kind: The kind of problem.
        name: The task's name, for the errors.
        build: Builds a model, seeded.
        parts: The parts of the data by name.

    Raises:
        UserError: The model cannot be built, called or trained, its outputs have another shape than losses
            need, carry no gradient, or never leave [0, 1].
    """
    check = _Check(kind, name, parts)
    model, twin = check.built(build), check.built(build)
    check.trainable(model)
    with torch.no_grad():
        found = check.called(model.eval(), "evaluation")
    outputs = check.outputs(found)
    twins_buffers = [buffer.clone() for buffer in twin.buffers()]
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        before = torch.get_rng_state()
        check.differentiable(check.called(model.train(), "training"))
        is_stochastic = not torch.equal(before, torch.get_rng_state())
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    if any(id(p) in trained for p in twin.parameters()) or not all(
        torch.equal(buffer, old) for buffer, old in zip(twin.buffers(), twins_buffers, strict=True)
    ):
        raise check.wrong(
            "model() must build a fresh nn.Module at each call, but what two calls built shares layers; "
            "make every layer inside the function"
        )
    check.unbounded(twin.eval(), found)
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

    def differentiable(self, outputs: object) -> None:
        if not isinstance(outputs, Tensor) or not outputs.requires_grad:
            raise self.wrong(
                "the model's outputs must carry a gradient to its parameters, but in training they carry "
                "none; leave out detach, no_grad, argmax and the like"
            )

    def unbounded(self, model: nn.Module, outputs: object) -> None:
        """Refuse a model that ends in a Sigmoid or Softmax, or cannot reach the targets of a regression."""
        kind, bound = kind_named(self.kind), self.bound(model, outputs)
        if bound is None:
            return
        if kind.classified and bound == 0:
            assert isinstance(outputs, Tensor)
            softmax = kind.decision == "argmax" and bool(((outputs.sum(-1) - 1).abs() < 1e-3).all())
            raise self.wrong(
                "the model must return logits, of any size and sign, but its outputs never leave [0, 1], as "
                f"after a {'Softmax' if softmax else 'Sigmoid'}; leave that last layer out, for losses and "
                "metrics apply it themselves"
            )
        targets = torch.cat([part[1].flatten() for part in self.parts.values()])
        if not kind.classified and (targets.min() < bound or targets.max() > 1):
            raise self.wrong(
                f"the model's outputs must be able to reach the targets, {targets.min():g} to "
                f"{targets.max():g}, but they never leave [{bound}, 1]; leave the last activation out"
            )

    @torch.no_grad()
    def bound(self, model: nn.Module, outputs: object) -> int | None:
        """0 or -1 where outputs never leave [0, 1] or [-1, 1]; None where they do, or cannot be tried.

        A model whose first outputs lie in [-1, 1] is called with parameters drawn at random, large ones too,
        for which logits leave that range.
        """
        assert isinstance(outputs, Tensor)
        if not bool((outputs.abs() <= 1).all()):
            return None
        inputs: Tensor = self.parts["train"][0]
        found, draw = [outputs.flatten().float()], torch.Generator().manual_seed(0)
        try:
            copied = deepcopy(model)  # parameters may share memory with what the user holds
            for scale in (0.5, 2.0, 10.0):
                for parameter in copied.parameters():
                    if parameter.is_floating_point():
                        parameter.copy_(scale * torch.randn(parameter.shape, generator=draw))
                made = copied(inputs[:SAMPLES])
                found.append(made[made.isfinite()].float())
        except Exception:  # noqa: BLE001  (a model may refuse such parameters; then nothing is known of it)
            return None
        values = torch.cat(found)
        # A model that returns its inputs' share of nothing but zeros says nothing either.
        if len(values) <= outputs.numel() or values.abs().max() > 1 or bool((values == values[0]).all()):
            return None
        return 0 if values.min() >= 0 else -1

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
        return outputs.shape[1]


def check_labels(name: str, parts: Mapping[str, Data], classes: int) -> None:
    """Refuse labels that have no output, and classes that are held out without having been learnt.

    Args:
        name: The task's name, for the errors.
        parts: The parts of the data by name, with class indices (N,) as targets.
        classes: The number of the model's outputs.

    Raises:
        UserError: A label lies outside 0..classes - 1, or occurs in another part than train alone.
    """
    everything = torch.cat([labels for _, labels in parts.values()])
    least, most = int(everything.min()), int(everything.max())
    if least < 0 or most >= classes:
        raise UserError(
            f"task {name}: labels must lie in 0..{classes - 1}, for the model has {classes} outputs, "
            f"but they run from {least} to {most}"
        )
    learnt = torch.bincount(parts["train"][1], minlength=classes) > 0
    for part, (_, labels) in parts.items():
        if not bool(learnt[labels].all()):
            unseen = labels[~learnt[labels]]
            raise UserError(
                f"task {name}: every class must occur in train, but class {int(unseen[0])} has "
                f"{int((unseen == unseen[0]).sum())} samples in {part} and none in train; "
                "move some to train or drop the class"
            )
