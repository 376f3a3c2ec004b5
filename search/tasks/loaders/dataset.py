"""A task from a map-style `torch.utils.data.Dataset`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ....losses import Kind
from ....losses.errors import UserError, shown
from ....losses.kinds import kind_named
from ....spaces.recipe import Recipe
from ...memory import room
from ..arrays import brief, tensor_of
from ..data import ordinal_codes
from ..fields import TaskFields
from ..streaming import Samples, Streamed, fetched, plain, take
from .defaults import metric_for, mlp_for, outputs_of, recipe_for, training_line
from .holdout import held_out
from .image_files import ImageFolder


@dataclass(frozen=True)
class Read:
    """A dataset as it was read.

    Attributes:
        inputs: The inputs (N, ...), a tensor or streamed.
        targets: The targets (N,) or (N, D).
        streamed: Whether inputs are fetched when batches ask for them.
    """

    inputs: Tensor
    targets: Tensor
    streamed: bool


def dataset_fields(  # noqa: PLR0913  (one for each thing a user may want to say)
    train: Samples,
    *,
    kind: Kind = "multiclass",
    model: Any = None,
    metric: Any = "auto",
    greater_is_better: bool | None = None,
    test: Samples | float = 0.2,
    validation: Samples | None = None,
    groups: Sequence[Any] | None = None,
    time: Sequence[Any] | None = None,
    hidden: Sequence[int] | None = None,
    recipe: Any = None,
    augment: Any = None,
    stream: bool | None = None,
    name: str = "dataset",
) -> TaskFields:
    """The task that a map-style dataset of pairs (inputs, target) describes.

    A dataset that fits into half of the free memory is read once, with whatever its transforms do. A larger
    one is streamed: its samples are fetched for each batch, and its targets are read once, as `__getitem__`
    returns them.

    Args:
        train: The training samples.
        kind: The kind of problem.
        model: Builds the model; default: an MLP with the hidden sizes `hidden`.
        metric: As of `Task`; default: what is usual for the kind.
        greater_is_better: As of `Task`.
        test: Another dataset, or the share of `train` to set aside.
        validation: Another dataset.
        groups: A value for each sample of `train` (N,), as of `Task`.
        time: A value for each sample of `train` (N,), as of `Task`.
        hidden: The sizes of the hidden layers.
        recipe: As of `Task`.
        augment: As of `Task`.
        stream: Whether to stream; None decides by the free memory.
        name: The task's name.

    Raises:
        UserError: A dataset has no length, or its samples are no pairs, not alike, or no numbers.
    """
    kind_named(kind)
    read = {"train": read_dataset(train, f"{name}: train", stream=stream)}
    _check_classes(kind, read["train"].targets, f"{name}: train")
    extra: dict[str, Any] = {"groups": groups, "time": time}
    if isinstance(test, int | float):
        read, extra = _shared(read["train"], kind, test, extra, name)
    else:
        read["test"] = read_dataset(test, f"{name}: test", stream=stream)
    if validation is not None:
        read["validation"] = read_dataset(validation, f"{name}: validation", stream=stream)
    first = read["train"]
    outputs = outputs_of(kind, torch.cat([part.targets for part in read.values()]))
    made = model or mlp_for(first.inputs.shape[1:], hidden, outputs)
    chosen = metric_for(kind) if metric == "auto" else metric
    settings = Recipe.from_mapping({**recipe_for(len(first.targets)), **(recipe or {})})
    sizes = ", ".join(f"{part} {len(found.targets):,}" for part, found in read.items())
    how = "streamed" if first.streamed else "in memory"
    parts: dict[str, Any] = {part: (found.inputs, found.targets) for part, found in read.items()}
    return TaskFields(
        name=name,
        kind=kind,
        **parts,
        **extra,
        model=made,
        metric=chosen,
        greater_is_better=greater_is_better,
        recipe=settings,
        augment=augment,
        notes=(
            f"{name}: samples {_shape(first.inputs)}, {sizes}, {how}",
            training_line(made, settings, chosen),
        ),
    )


def read_dataset(samples: Samples, place: str, *, stream: bool | None = None) -> Read:
    """A dataset in memory, or streamed where it does not fit there.

    Args:
        samples: Pairs (inputs, target).
        place: The name of the part in errors.
        stream: Whether to stream; None decides by the free memory.

    Raises:
        UserError: The dataset has no length, or its samples are no pairs, not alike, or no numbers.
    """
    if isinstance(samples, DataLoader):
        raise UserError(
            f"{place} must be a dataset, but got a DataLoader, which gives batches; give its dataset"
        )
    try:
        if not hasattr(samples, "__getitem__"):
            raise TypeError  # noqa: TRY301
        count = len(samples)
    except TypeError as error:
        raise UserError(
            f"{place} must be a map-style dataset, which has a length, but {type(samples).__name__} has "
            "none; read it into tensors first"
        ) from error
    if count == 0:
        raise UserError(f"{place} must hold samples, but {type(samples).__name__} has none")
    inputs, _ = _pair(samples, 0, place)
    needed = count * inputs.numel() * inputs.element_size()
    if stream if stream is not None else needed > room():
        return Read(Streamed(samples), _targets(samples, count, place), streamed=True)  # type: ignore[arg-type]
    found = [_pair(samples, row, place) for row in range(count)]
    for row, (sample, _) in enumerate(found):
        if sample.shape != inputs.shape:
            raise UserError(
                f"{place}: samples must be alike, {tuple(inputs.shape)}, but sample {row} is "
                f"{tuple(sample.shape)}; resize or pad it in the dataset"
            )
    return Read(
        torch.stack([sample for sample, _ in found]), _stacked([t for _, t in found], place), streamed=False
    )


def _pair(samples: Samples, row: int, place: str) -> tuple[Tensor, Any]:
    sample = fetched(samples, row, place)
    if not isinstance(sample, tuple | list) or len(sample) != 2:
        got = f"{len(sample)} things" if isinstance(sample, tuple | list) else type(sample).__name__
        raise UserError(f"{place}: each sample must be a pair (inputs, target), but sample {row} is {got}")
    try:
        inputs = torch.as_tensor(sample[0])
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{place}: inputs must be tensors or arrays, but those of sample {row} are "
            f"{type(sample[0]).__name__} ({brief(error)}); add a transform such as ToTensor"
        ) from error
    _numbers(sample[1], row, place)
    if inputs.is_meta or inputs.is_complex():
        got = "a tensor on the device meta, without numbers" if inputs.is_meta else str(inputs.dtype)
        raise UserError(f"{place}: inputs must hold real numbers, but those of sample {row} are {got}")
    return plain(inputs), sample[1]


def _targets(samples: Samples, count: int, place: str) -> Tensor:
    """The targets that `__getitem__` returns, which a dataset's attribute `targets` need not be.

    What transforms or wraps labels is seen there alone. A folder of images of our own is known to have none.
    """
    if type(samples) is ImageFolder:
        return torch.tensor(samples.targets)
    return _stacked([_pair(samples, row, place)[1] for row in range(count)], place)


def _stacked(targets: Sequence[Any], place: str) -> Tensor:
    rows = [_numbers(target, row, place) for row, target in enumerate(targets)]
    for row, target in enumerate(rows):
        if target.shape != rows[0].shape:
            raise UserError(
                f"{place}: targets must be alike, {rows[0].shape}, but that of sample {row} is "
                f"{target.shape}; give each sample as many numbers"
            )
    found = torch.from_numpy(np.stack(rows))
    found = found.squeeze(1) if found.dim() == 2 and found.shape[1] == 1 else found
    return tensor_of("targets", found.float() if found.dtype == torch.float64 else found)


def _numbers(target: Any, row: int, place: str) -> Any:
    """One target as an array of numbers."""
    try:
        found = np.asarray(target.detach() if isinstance(target, Tensor) else target)
    except (TypeError, ValueError, RuntimeError):
        found = np.asarray(None)
    if found.dtype.kind not in "biuf":
        raise UserError(
            f"{place}: targets must be numbers, but that of sample {row} is {shown(target)}; "
            "number the classes"
        )
    return found


def _check_classes(kind: Kind, targets: Tensor, place: str) -> None:
    """Refuse fractions as classes before samples are dealt by them."""
    odd = (
        targets[targets.frac() != 0] if targets.is_floating_point() and kind == "multiclass" else targets[:0]
    )
    if odd.numel() and targets.dim() == 1:
        raise UserError(
            f"{place}: multiclass targets must be class indices, but got {odd[0].item():g}; for numbers give "
            "kind='regression'"
        )


def _shared(
    whole: Read, kind: Kind, share: float, extra: dict[str, Any], name: str
) -> tuple[dict[str, Read], dict[str, Any]]:
    """One dataset as a training and a test part, and what goes with the training part."""
    count = len(whole.targets)
    given: dict[str, Any] = {
        key: None if values is None else ordinal_codes(f"{name}: {key}", values, count).numpy()
        for key, values in extra.items()
    }
    inside = torch.from_numpy(held_out(kind, whole.targets.numpy(), share, **given))
    parts = {
        part: Read(take(whole.inputs, rows), whole.targets[rows], whole.streamed)
        for part, rows in (("train", ~inside), ("test", inside))
    }
    return parts, {key: None if v is None else v[~inside.numpy()] for key, v in given.items()}


def _shape(inputs: Tensor) -> str:
    return f"{tuple(inputs.shape[1:])} of {str(inputs.dtype).removeprefix('torch.')}"
