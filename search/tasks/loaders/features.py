"""A task on frozen features: a backbone is run once, and losses are searched for heads on what it gives."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ....losses import Kind
from ....losses.errors import UserError, one_line, shown
from ....spaces.recipe import Recipe
from ..data import Data, checked
from ..fields import TaskFields
from .backbone import Run, Told
from .dataset import read_dataset
from .defaults import HIDDEN, Mlp, metric_for, outputs_of, recipe_for, training_line

HEADS = {"linear": (), "mlp": HIDDEN[:1]}


def features_fields(  # noqa: PLR0913  (one for each thing a user may want to say)
    backbone: nn.Module,
    *,
    train: Any,
    test: Any,
    validation: Any = None,
    kind: Kind = "multiclass",
    head: str | Callable[[], nn.Module] = "linear",
    metric: Any = "auto",
    greater_is_better: bool = True,
    recipe: Any = None,
    confirm: Callable[[], nn.Module] | None = None,
    confirm_recipe: Any = None,
    batch_size: int = 64,
    device: str | torch.device | None = None,
    cache: str | Path | None = None,
    progress: Told | None = None,
    name: str = "features",
    **more: Any,
) -> TaskFields:
    """The task of training a head on the features (N, F) of a backbone, which is run once over the data.

    What the backbone returns, (N, ...), is flattened and standardised by the training part.

    Args:
        backbone: The module that turns inputs into features.
        train: The training part: a pair of tensors or a map-style dataset, as the backbone takes them.
        test: The test part, likewise.
        validation: The validation part, likewise; None folds the training part.
        kind: The kind of problem.
        head: `linear`, `mlp`, or a factory of modules that take the features.
        metric: As of `Task`; `auto` for the kind's usual one.
        greater_is_better: As of `Task`.
        recipe: As of `Task`.
        confirm: Builds the full model, backbone and head: the verdict's losses are then trained once more
            with it.
        confirm_recipe: How the full model is trained.
        batch_size: How many samples the backbone takes at a time.
        device: Where the backbone runs; None for a GPU where there is one.
        cache: The folder in which features are kept under the hash of backbone and data, and read from next
            time; None for ~/.cache/lossmith/features.
        progress: Called with lines for the user; None for standard error.
        name: The task's name.
        **more: Further arguments of `Task`.
    """
    if not isinstance(backbone, nn.Module):
        raise UserError(f"the backbone must be an nn.Module, but got {type(backbone).__name__}")
    if any(tensor.is_meta for tensor in (*backbone.parameters(), *backbone.buffers())):
        raise UserError("the backbone must have weights, but they are on the device meta; load them first")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise UserError(f"batch_size must be a whole number of at least 1, but got {shown(batch_size)}")
    if progress is not None and not callable(progress):
        raise UserError(f"progress must be a function of a line, such as print, but got {shown(progress)}")
    given = {"train": train, "test": test, **({} if validation is None else {"validation": validation})}
    raw = {part: _read(kind, f"{name}: {part}", value) for part, value in given.items()}
    run = Run(backbone, _device(device), batch_size, _folder(cache), progress or _say, name)
    found = {part: (run.features(part, inputs), targets) for part, (inputs, targets) in raw.items()}
    mean, spread = _scale(found["train"][0])
    found = {part: ((features - mean) / spread, targets) for part, (features, targets) in found.items()}
    size, targets = found["train"][0].shape[1], found["train"][1]
    outputs = outputs_of(kind, torch.cat([part[1] for part in found.values()]))
    model = Mlp((size,), _hidden(head), outputs) if isinstance(head, str) else head
    chosen = metric_for(kind) if metric == "auto" else metric
    settings = Recipe.from_mapping({**recipe_for(len(targets)), **(recipe or {})})
    parts: dict[str, Any] = dict(found)
    full = (
        None
        if confirm is None
        else TaskFields(
            name=f"{name}-full",
            kind=kind,
            train=raw["train"],
            test=raw["test"],
            model=confirm,
            metric=chosen,
            greater_is_better=greater_is_better,
            recipe=Recipe.from_mapping(confirm_recipe or {}),
        )
    )
    return TaskFields(
        name=name,
        kind=kind,
        **parts,
        model=model,
        metric=chosen,
        greater_is_better=greater_is_better,
        recipe=settings,
        confirm=full,
        notes=(
            f"{name}: {size:,} features from {type(backbone).__name__}, "
            + ", ".join(f"{part} {len(part_targets):,}" for part, (_, part_targets) in found.items()),
            f"head {training_line(model, settings, chosen)}",
        ),
        about={"backbone": type(backbone).__name__, "features": size},
        **more,
    )


def _read(kind: Kind, place: str, given: Any) -> Data:
    if not isinstance(given, tuple) or len(given) != 2:
        found = read_dataset(given, place)
        given = (found.inputs, found.targets)
    return checked(kind, place, given)


def _hidden(head: str) -> tuple[int, ...]:
    if head not in HEADS:
        raise UserError(f"head must be linear, mlp or a function that builds a module, but got {head!r}")
    return HEADS[head]


def _device(given: str | torch.device | None) -> torch.device:
    """The device, once a tensor has been there."""
    try:
        device = torch.device(given or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.zeros(1, device=device).tolist()
    except Exception as error:
        raise UserError(
            f"device must be one that this machine has, but {shown(given)} is not: {one_line(error, 120)}; "
            "give device='cpu'"
        ) from error
    return device


def _folder(given: str | Path | None) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        folder = Path(given or Path(home) / "lossmith" / "features").expanduser()
        usable = "\0" not in str(folder) and (not folder.exists() or folder.is_dir())
    except (OSError, ValueError, RuntimeError, TypeError):  # too long, NUL, nobody's home, no path
        usable = False
    if not usable:
        raise UserError(f"cache must be a folder, or one that can be made, but got {shown(given)}")
    return folder


def _scale(features: Tensor) -> tuple[Tensor, Tensor]:
    spread, mean = torch.std_mean(features.double(), 0, correction=0)
    return mean.float(), torch.where(spread > 0, spread, torch.ones_like(spread)).float()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
