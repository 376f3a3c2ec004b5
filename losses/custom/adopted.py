"""A user's losses as terms of the family, from where they are written: FILE:OBJECT."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from ..checks import examine
from ..declarations import Part
from ..errors import UserError
from ..family import register
from ..kinds import Kind
from .places import load_loss


def adopt(places: Iterable[str], kind: Kind) -> tuple[Part, ...]:
    """Make losses of users terms of the family in this process, and return them. Their files are run.

    Each is examined first. Whoever computes with losses that a SPEC brings calls this once, in every process
    that was not forked from one where it was done.

    Args:
        places: where the losses are, each `FILE:OBJECT`.
        kind: the kind of problem of the task.

    Raises:
        UserError: at a place there is no loss, one for another kind of problem, one that breaks a promise
            without which it cannot be searched, or one that has the name of another part.
    """
    return tuple(register(_examined(str(place), kind)) for place in places)


@cache
def _examined(place: str, kind: Kind) -> Part:
    """Once for a place: a file that is run again would make other functions of the same name."""
    found = load_loss(place, kind)
    if kind not in found.kinds:
        raise UserError(
            f"{place} must be for {kind} problems as the task is, but it is for {' and '.join(found.kinds)}"
        )
    for finding in examine(found, kind, needed=True):
        if not finding.ok:
            raise UserError(
                f"{place} cannot be searched: {finding.check}: {finding.text}; see lossmith check {place}"
            )
    return found
