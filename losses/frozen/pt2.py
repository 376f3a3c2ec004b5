"""A frozen loss as a `.pt2` file of torch.export, written and read without pickle.

`torch.export.save` stores buffers as raw bytes and the graph as JSON; only example inputs, tensor
subclasses and custom objects would be pickled. `write_pt2` drops the first and a frozen loss has none of
the others, so `load_pt2` can refuse every file with anything pickled in it before torch opens it. That
closes the pickle, not every door: torch evaluates symbolic shapes it reads from the graph, so a `.pt2` from a
stranger is no safer than a stranger's Python. `loss.json` is: reading it runs nothing.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from ..errors import UserError, one_line
from ..family import shaped
from .frozen_loss import FrozenLoss, check_columns, columns_of
from .open_program import open_up

# Everything an archive without pickle may hold, below its one top folder.
_RAW = re.compile(
    r"archive_format|archive_version|byteorder|\.data/(version|serialization_id)|models/model\.json"
    r"|data/(weights|constants)/(model_(weights|constants)_config\.json|(weight|tensor)_\d+)|extra/door\.json"
)
_CONFIG = re.compile(r"data/(weights|constants)/model_(weights|constants)_config\.json")
_DOOR = "door.json"  # the kind of problem, by which shapes are checked
_EXAMPLES = "data/sample_inputs/model.pt"  # pickled where it is not empty


def write_pt2(loss: FrozenLoss, outputs: Tensor, targets: Tensor, path: Path) -> None:
    """Write the program of a loss to a file.

    Args:
        loss: The loss.
        outputs: Of an example batch; see `exported`.
        targets: Of the same batch.
        path: Of the file, which ends in .pt2.
    """
    door = {"kind": loss.spec.kind, "two_outputs": loss.two_outputs, "columns": columns_of(loss.spec)}
    torch.export.save(exported(loss, outputs, targets), path, extra_files={_DOOR: json.dumps(door)})


def exported(loss: FrozenLoss, outputs: Tensor, targets: Tensor) -> ExportedProgram:
    """The program of a loss, for batches of any size, rank and dtype, on any device; it computes in float32.

    torch holds callers of what `torch.export.load` gives to the rank of the example, which the program itself
    does not need: `module_of` takes every rank.

    Args:
        loss: the loss.
        outputs: of an example batch of more than one sample (torch would take a batch of one for a
            constant): logits (N, K), (N,) or (N, L), predictions (N,). Where the loss is bound to class
            counts their number is fixed; otherwise it stays open.
        targets: of the same batch.
    """
    batch = torch.export.Dim("batch", min=0)
    shapes: dict[int, Any] = {0: batch}
    # A second dimension that nothing fixes: the classes of an unbound loss, or labels.
    if outputs.dim() == 2 and loss.spec.class_counts is None:
        shapes[1] = torch.export.Dim.AUTO
    target_shapes = shapes if targets.dim() == 2 else {0: batch}
    program = torch.export.export(loss, (outputs, targets), dynamic_shapes=(shapes, target_shapes))
    program.example_inputs = None  # else they are pickled into a file
    open_up(program)
    return program


def module_of(program: ExportedProgram) -> nn.Module:
    """The loss in a program as a module on outputs and targets of every shape that the loss takes."""
    module: Any = program.module()
    module.validate_inputs = False  # of the rank it was traced with, which the program does not need
    loss: nn.Module = module
    return loss


def load_pt2(path: str | Path) -> nn.Module:
    """The loss in a file as a module on `(outputs, targets)`, of every shape that the loss takes.

    Args:
        path: of a `loss.pt2`.

    Raises:
        UserError: the file is missing, is not a `.pt2` archive, or holds anything that would be unpickled.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                _refuse_pickle(archive, entry, path)
    except (OSError, zipfile.BadZipFile) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "it is not a .pt2 archive"
        raise UserError(f"cannot read {path}: {reason}; export the loss again") from error
    told = {_DOOR: ""}
    module = module_of(torch.export.load(path, extra_files=told))
    return _WithDoor(module, **json.loads(told[_DOOR])) if told[_DOOR] else module


class _WithDoor(nn.Module):
    """A program behind the checks of shapes and dtypes that a frozen loss begins with."""

    def __init__(self, program: nn.Module, kind: str, *, two_outputs: bool, columns: int | None) -> None:
        super().__init__()
        self.program, self._kind, self._two_outputs, self._columns = program, kind, two_outputs, columns

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        check_columns(self._columns, shaped(self._kind, outputs, targets, two_outputs=self._two_outputs)[0])
        try:
            found: Tensor = self.program(outputs, targets)
        except RuntimeError as error:
            if not str(error).startswith(f"{self._kind} targets must be "):  # an assertion of the program
                raise
            raise UserError(f"{one_line(error)}; leave out or ignore such targets") from None
        return found


def _refuse_pickle(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str | Path) -> None:
    name = entry.filename.partition("/")[2]
    allowed = bool(_RAW.fullmatch(name)) or (name == _EXAMPLES and entry.file_size == 0)
    if allowed and _CONFIG.fullmatch(name):
        payloads = json.loads(archive.read(entry))["config"].values()
        allowed = all(
            payload["use_pickle"] is False and payload["path_name"].startswith(("weight_", "tensor_"))
            for payload in payloads
        )
    if not allowed:
        raise UserError(
            f"a .pt2 must hold nothing pickled, but {path} has {entry.filename}; use the loss.json "
            "beside it, or export the loss again"
        )
