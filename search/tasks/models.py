"""A task's model factory, tried out before anything is trained with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...losses import Kind
from ...losses.custom import user_error
from ...losses.errors import UserError
from ...losses.kinds import kind_named
from .data import Data, shape_of
from .last_layer import last_layer

Build = Callable[[], nn.Module]
FEW = 3  # samples that a model is called with first


class Tried(NamedTuple):
    """What trying a model showed.

    Attributes:
        outputs: The number of classes for multiclass, 0 for the other kinds.
        is_stochastic: Whether the model draws random numbers in training.
        parameters: The number of numbers in its parameters.
        note: A line for the user.
    """

    outputs: int
    is_stochastic: bool
    parameters: int
    note: str = ""


def tried(kind: Kind, name: str, build: Build, parts: dict[str, Data], batch_size: int) -> Tried:
    """Build two models and call one, and refuse models that could not be trained on the parts.

    Args:
        kind: The kind of problem.
        name: The task's name, for the errors.
        build: Builds a model, seeded.
        parts: The parts of the data by name.
        batch_size: How many samples a step trains with.

    Raises:
        UserError: The model cannot be built, called or trained, its outputs have another shape than losses
            need, are not finite, carry no gradient or never leave [0, 1]; or it changes its inputs.
    """
    check = _Check(kind, name, parts)
    model, twin = check.built(build), check.built(build)
    check.trainable(model)
    with torch.no_grad():
        found = check.called(model.eval(), "evaluation", FEW)
    twins_buffers = [buffer.clone() for buffer in twin.buffers()]
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        before = torch.get_rng_state()
        learnt = check.called(model.train(), "training", min(batch_size, FEW + 2))
        is_stochastic = not torch.equal(before, torch.get_rng_state())
        if learnt.shape[1:] != found.shape[1:]:
            raise check.wrong(
                f"the model must return outputs of one shape, but {tuple(learnt.shape)} in training and "
                f"{tuple(found.shape)} in evaluation"
            )
        check.differentiable(model, learnt)
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    if any(id(p) in trained for p in twin.parameters()) or not all(
        torch.equal(buffer, old) for buffer, old in zip(twin.buffers(), twins_buffers, strict=True)
    ):
        raise check.wrong(
            "model() must build a fresh nn.Module at each call, but what two calls built shares layers; "
            "make every layer inside the function"
        )
    note = last_layer(kind, name, parts, twin.eval(), found)
    outputs = found.shape[1] if kind == "multiclass" else 0
    return Tried(outputs, is_stochastic, sum(p.numel() for p in model.parameters()), note)


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
        except (Exception, SystemExit) as error:
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

    def differentiable(self, model: nn.Module, outputs: Tensor) -> None:
        learnt = [p for p in model.parameters() if p.requires_grad]
        try:
            found = (
                torch.autograd.grad(outputs.sum(), learnt, allow_unused=True) if outputs.requires_grad else ()
            )
        except Exception as error:
            said = "the model's outputs must carry a gradient to its parameters, but it raised"
            raise user_error(f"task {self.name}: {said}", error) from error
        gradients = [gradient for gradient in found if gradient is not None]
        if not gradients:
            raise self.wrong(
                "the model's outputs must carry a gradient to its parameters, but in training they carry "
                "none; leave out detach, no_grad, argmax and the like"
            )
        if not all(bool(gradient.isfinite().all()) for gradient in gradients):
            raise self.wrong(
                "the gradient of the model's outputs must be finite, but for the first samples it holds "
                "NaN or infinity; look for square roots, divisions and logarithms of 0"
            )

    def called(self, model: nn.Module, mode: str, count: int) -> Tensor:
        """What the model returns for the first samples: finite outputs of the shape that losses need."""
        inputs: Tensor = self.parts["train"][0][:count]
        given = inputs.clone()
        try:
            found = model(given)
        except (Exception, SystemExit) as error:
            said = (
                f"the model must accept inputs of shape {shape_of(inputs)}, but in {mode} with "
                f"{len(inputs)} samples it raised"
            )
            raise user_error(f"task {self.name}: {said}", error) from error
        if not torch.equal(given, inputs):
            raise self.wrong(
                f"the model must leave its inputs as they are, but in {mode} it changes them in place; begin "
                "with an operation that makes a new tensor, such as nn.ReLU(inplace=False)"
            )
        return self.shaped(found, mode, len(inputs))

    def shaped(self, outputs: object, mode: str, count: int) -> Tensor:
        shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        wanted = tuple(self.parts["train"][1][:count].shape)
        if kind_named(self.kind).target != "class":
            # A single output may have a dimension of its own.
            if shape != wanted and not (len(wanted) == 1 and shape == (*wanted, 1)):
                raise self.wrong(
                    f"the model must return outputs shaped as the targets, {wanted}, but in {mode} it "
                    f"returned {shape}"
                )
        elif not isinstance(outputs, Tensor) or outputs.shape[:-1] != wanted or outputs.shape[1] < 2:
            raise self.wrong(
                f"a multiclass model must return logits (N, K) with K >= 2, but in {mode} it returned "
                f"{shape} for {wanted[0]} samples"
            )
        assert isinstance(outputs, Tensor)
        if outputs.is_complex():
            raise self.wrong(f"the model must return real numbers, but it returned {outputs.dtype}")
        if not bool(outputs.isfinite().all()):
            raise self.wrong(
                f"the model's outputs must be finite, but in {mode} those of the first {count} samples hold "
                "NaN or infinity; look at how it begins, and scale the inputs"
            )
        return outputs


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
