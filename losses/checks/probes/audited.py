"""A loss as an audit sees it: a function of outputs and targets, of which nothing else is known."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from ...kinds import Kind, kind_named
from ..gradient_health import EXTREMES, LEVELS, diagnosed
from ..probe_batches import random_batch

Call = Callable[[Tensor, Tensor], Any]
Evidence = Iterator[tuple[str, str]]  # the name of a finding and what was measured
DEEPER = -40.0  # a logit beyond any that a clamp lets through, and within float32


@dataclass(frozen=True, eq=False)
class Audited:
    """A loss to be audited.

    Args:
        name: What messages call it.
        kind: The kind of problem.
        call: The loss of `(outputs, targets)`.
        columns: The shape of one sample's outputs.
        original: The function or module that `call` goes by.
        family: Whether the loss is one of lossmith's own, which keep the contract of `lossmith check`.
        declared: Whether the user declared it, so that it may return a loss per sample.
        per_batch: Whether it is known to look at a batch as a whole.
        wide: Whether outputs far away are tried; not where they stand for logarithms.
        variants: The same loss with one parameter changed, by the parameter's name.
        numbers: The numbers that it was built with, by name.
        ignored: The target that it says it ignores.
    """

    name: str
    kind: Kind
    call: Call
    columns: tuple[int, ...]
    original: Any = None
    family: bool = False
    declared: bool = False
    per_batch: bool = False
    wide: bool = True
    variants: Mapping[str, tuple[Call, ...]] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    ignored: int | None = None

    @property
    def classified(self) -> bool:
        """Whether targets are classes or answers."""
        return kind_named(self.kind).classified

    def value(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of a batch, (); the mean where it is a loss per sample.

        Args:
            outputs: (N, ...).
            targets: (N, ...).
        """
        found: Tensor = self.call(outputs, targets)
        return found.mean()

    def value_and_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a batch and its gradient to the outputs, 0 where it has none.

        Args:
            outputs: (N, ...).
            targets: (N, ...).
        """
        leaf = outputs.detach().clone().requires_grad_()
        value = self.value(leaf * 1, targets.clone())  # not the leaf itself, which nobody may change in place
        if not value.requires_grad:
            return value, torch.zeros_like(leaf)
        (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
        return value.detach(), torch.zeros_like(leaf) if gradient is None else gradient

    def batch(
        self, size: int = 12, seed: int = 0, dtype: torch.dtype = torch.float32
    ) -> tuple[Tensor, Tensor]:
        """A random batch with as many columns as the loss takes.

        Args:
            size: N.
            seed: Of outputs and targets.
            dtype: Of outputs, and of targets that are no classes.
        """
        return batch(self.kind, self.columns, size, seed, dtype)

    def at_level(self, level: float) -> tuple[Tensor, Tensor]:
        """A batch of samples that are all right, or wrong, by `level`; see `gradient_health`."""
        outputs, targets = kind_named(self.kind).at_level(level)
        if not self.columns:
            return outputs, targets
        if kind_named(self.kind).target == "class":
            targets = targets % self.columns[0]
            return level * F.one_hot(targets, self.columns[0]).float(), targets
        chosen = torch.arange(self.columns[0]) % outputs.shape[1]
        return outputs[:, chosen], targets[:, chosen]

    @cached_property
    def probed(self) -> tuple[dict[float, float], dict[float, float], dict[float, Tensor]]:
        """Value, pull, and the pull of each target in the shape of the targets, by level."""
        levels = [*LEVELS[self.classified], *(EXTREMES[self.classified] if self.wide else ())]
        levels += [DEEPER] if self.classified else []
        values, pulls, each = {}, {}, {}
        toward = (-1 if self.classified else 1) * self.at_level(1.0)[0]
        for level in levels:
            value, gradient = self.value_and_gradient(*self.at_level(level))
            pull = gradient * toward
            each[level] = pull.sum(-1) if kind_named(self.kind).target == "class" else pull
            values[level], pulls[level] = float(value), float(pull.sum())
        return values, pulls, each

    @cached_property
    def problems(self) -> dict[str, str]:
        """What health's probing finds wrong, by name, or that the loss has no lower bound."""
        values, pulls, _ = self.probed
        found = diagnosed(values, pulls, classified=self.classified, per_batch=self.per_batch)
        if not found and self.classified and values.get(6e4, 0.0) < -1e3:
            return {"unbounded": f"the loss of right answers falls without end: {values[6e4]:.3g} at 6e4"}
        return found

    def precise(self) -> tuple[Call, torch.dtype]:
        """The loss in float64 where it computes in that, and the dtype in which it computes."""
        call = self.call
        if isinstance(self.original, nn.Module) and self.call is self.original:
            call = copy.deepcopy(self.original).double()
        try:
            found = call(*self.batch(dtype=torch.float64))
        except Exception:  # noqa: BLE001  (a constant of the user's in float32)
            return self.call, torch.float32
        return (call, torch.float64) if found.dtype == torch.float64 else (self.call, torch.float32)

    @cached_property
    def without_pull(self) -> dict[int, float]:
        """The classes, or answers, whose samples are pulled nowhere or wrongly, with the pull on mistakes."""
        if not self.classified:
            return {}
        _, targets = self.at_level(1.0)
        _, pulls, each = self.probed
        levels = (-4.0, -2.0, 0.0)
        least = 1e-6 * max(map(abs, pulls.values()))
        found = {}
        for one in set(targets.unique().tolist()) - {self.ignored}:
            of_class = [float(each[level][targets == one].sum()) for level in levels]
            if max(of_class) <= least:
                found[int(one)] = min(of_class)
        return found


@lru_cache(maxsize=256)
def _batch(
    kind: Kind, columns: tuple[int, ...], size: int, seed: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    found = kind_named(kind)
    if columns == found.probe_columns:
        return random_batch(kind, size, seed=seed, dtype=dtype)
    generator = torch.Generator().manual_seed(seed)
    outputs = (2 * torch.randn(size, *columns, generator=generator, dtype=torch.float64)).to(dtype)
    return outputs, found.random_targets(outputs, generator)


def batch(
    kind: Kind,
    columns: tuple[int, ...],
    size: int = 12,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """A random batch of any number of columns, which the caller may change.

    Args:
        kind: The kind of problem.
        columns: The shape of one sample's outputs.
        size: N.
        seed: Of outputs and targets.
        dtype: Of outputs, and of targets that are no classes.
    """
    outputs, targets = _batch(kind, columns, size, seed, dtype)
    return outputs.clone(), targets.clone()


def arguments(original: Any) -> Mapping[str, inspect.Parameter]:
    """The arguments of `original`, a function or class of a user, or of a module's `forward`, by name."""
    function = original.forward if isinstance(original, nn.Module) else original
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
