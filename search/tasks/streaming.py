"""Inputs that do not fit into memory: fetched when a batch asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, SupportsInt, overload

import torch
from torch import Tensor

from ...losses.custom import user_error
from ...losses.errors import UserError

FETCHED_AT_ONCE = 1 << 24  # numbers that a check or a fingerprint holds at a time


class Samples(Protocol):
    """Samples to stream: a map-style `Dataset`, a memory-mapped array, files behind `__getitem__`."""

    def __len__(self) -> int:
        """The number of samples."""

    def __getitem__(self, row: int, /) -> Any:
        """One sample's inputs, or a tuple that begins with them."""


def fetched(samples: Samples, row: int, place: str = "dataset") -> Any:
    """One sample as the dataset gives it.

    Args:
        samples: The dataset.
        row: The sample's index.
        place: The name of the part in errors.

    Raises:
        UserError: The dataset raises, or leaves the program; the line names the sample.
    """
    try:
        return samples[row]
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        said = f"{place}: sample {row} of {len(samples)} cannot be read; repair or leave it out"
        raise user_error(said, error) from error


def plain(inputs: Tensor) -> Tensor:
    """Inputs without gradient and with every number written out, float64 as float32."""
    inputs = inputs.detach()
    inputs = inputs if inputs.layout == torch.strided else inputs.to_dense()
    return inputs.float() if inputs.dtype == torch.float64 else inputs


class Streamed:
    """Inputs (N, ...) that behave as a tensor does where batches are made, and fetch samples when indexed.

    `streamed[rows]` is a tensor; `streamed.take(rows)` is again streamed, for the folds of a training part.
    Every sample is fetched anew each time, so whatever `samples` does at random is done at random.

    Args:
        samples: Gives each sample when it is indexed.
        rows: The indices (N,) of the samples; None for all.
        like: The inputs of one sample, whose shape and type all have; None to fetch the first.
    """

    def __init__(self, samples: Samples, rows: Tensor | None = None, like: Tensor | None = None) -> None:
        """`rows` (N,) picks samples, `like` is one of them. Raises `UserError` where there is none."""
        self._samples = samples
        self._rows = torch.arange(len(samples)) if rows is None else rows
        if len(self._rows) == 0:
            raise UserError("streamed inputs must have at least one sample, but there is none")
        self._like = self._sample(int(self._rows[0])) if like is None else like

    def _sample(self, row: int) -> Tensor:
        found = fetched(self._samples, row)
        return plain(torch.as_tensor(found[0] if isinstance(found, tuple | list) else found))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shape(self) -> torch.Size:
        """The shape (N, ...) of the inputs, as of a tensor."""
        return torch.Size((len(self), *self._like.shape))

    @property
    def dtype(self) -> torch.dtype:
        """The type of the first sample; float64 is fetched as float32."""
        return self._like.dtype

    @property
    def device(self) -> torch.device:
        """The CPU, where samples are fetched."""
        return torch.device("cpu")

    def dim(self) -> int:
        """The number of axes, as of a tensor."""
        return len(self.shape)

    def is_floating_point(self) -> bool:
        """Whether samples hold floating-point numbers, as of a tensor."""
        return self._like.is_floating_point()

    @overload
    def __getitem__(self, rows: SupportsInt) -> Tensor: ...
    @overload
    def __getitem__(self, rows: slice | Tensor) -> Tensor: ...
    def __getitem__(self, rows: Any) -> Tensor:
        """The inputs of these rows, fetched: a number, a slice, a mask (N,) or indices."""
        if isinstance(rows, int):
            return self._sample(int(self._rows[rows]))
        chosen = self._rows[rows]
        if chosen.dim() == 0:
            return self._sample(int(chosen))
        if len(chosen) == 0:
            return self._like.new_empty((0, *self._like.shape))
        found = [self._sample(row) for row in chosen.tolist()]
        for row, sample in zip(chosen.tolist(), found, strict=True):
            if sample.shape != self._like.shape or sample.dtype != self._like.dtype:
                raise UserError(
                    f"samples must be alike, {tuple(self._like.shape)} of {self._like.dtype}, but sample "
                    f"{row} is {tuple(sample.shape)} of {sample.dtype}; resize or pad it in the dataset"
                )
        return torch.stack(found)

    def take(self, rows: Tensor) -> Streamed:
        """The same inputs, of these rows alone: a mask (N,) or indices; nothing is fetched."""
        return Streamed(self._samples, self._rows[rows], self._like)

    def split(self, size: int) -> Iterator[Tensor]:
        """The inputs `size` rows at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def chunks(self) -> Iterator[Tensor]:
        """The inputs, as many rows at a time as are held with ease."""
        return self.split(max(1, FETCHED_AT_ONCE // max(1, self._like.numel())))


def take(inputs: Tensor, rows: Tensor) -> Tensor:
    """Some rows of inputs; streamed inputs stay streamed.

    Args:
        inputs: A tensor, or streamed inputs, (N, ...).
        rows: A mask (N,) or indices.
    """
    return inputs.take(rows) if isinstance(inputs, Streamed) else inputs[rows]
