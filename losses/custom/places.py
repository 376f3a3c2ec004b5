"""Losses of users in their files: FILE:OBJECT."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from ..declarations import Part
from ..errors import UserError, one_line, unknown
from ..kinds import Kind
from .declared import as_part
from .user_code import load_file


def load_loss(place: str, kind: Kind | None = None) -> Part:
    """The loss at a place, as a part of the family that is not registered yet. The file is run.

    Args:
        place: `FILE:OBJECT`, the object being a `Part`, a function, an `nn.Module` or a class of them.
        kind: for which kind of problem, where the loss does not declare one; None for multiclass.

    Raises:
        UserError: the file or the object is missing, the file does not run, or the object is no loss.
    """
    path, colon, name = place.rpartition(":")
    if not colon or not path or not name:
        raise UserError(f"a loss must be given as FILE:OBJECT, such as my_losses.py:focal, but got {place!r}")
    file = Path(path)
    try:
        there = file.is_file()
    except (OSError, ValueError):  # too long for a name, NUL
        there = False
    if not there:
        raise UserError(f"{one_line(path)} must be a Python file, but there is none; check the path")
    module = load_file(file, "loss")
    if not hasattr(module, name):
        raise unknown(f"object in {path}", name, [n for n in vars(module) if not n.startswith("_")])
    return as_part(name, getattr(module, name), kind, source=file.name)


def fingerprints(places: Iterable[str]) -> dict[str, str]:
    """A hash of the file of each loss that is there, by the loss's name: it tells whether one was edited."""
    split = ((Path(place.rpartition(":")[0]), place.rpartition(":")[2]) for place in places)
    return {name: sha256(file.read_bytes()).hexdigest()[:16] for file, name in split if file.is_file()}
