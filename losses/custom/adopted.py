"""A user's losses as terms of the family, from where they are written: FILE:OBJECT."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch

from ..checks import contract
from ..checks.probe_batches import random_batch
from ..declarations import Kind, Level, Part
from ..errors import UserError, one_line
from ..family.registry import register
from ..family.user_term import UserTerm
from .declared import Own
from .examined import examine
from .load_file import load_own


def adopt(places: Iterable[str], kind: Kind) -> tuple[Part, ...]:
    """Make the losses at these places terms of the family in this process, and return them.

    Each is checked first. Whoever computes with losses that a SPEC brings calls this once, in every process
    that was not forked from one where it was done. The files are run. Raises `UserError` for a place where
    there is no loss, a loss for another kind of problem, and one that fails a check.
    """
    return tuple(register(_part(str(place), kind)) for place in places)


@cache
def _part(place: str, kind: Kind) -> Part:
    """Once for a place: a file that is run again would make other functions of the same name."""
    found = load_own(place)
    kinds = found.kinds if isinstance(found, Part) else (found.kind,)
    if isinstance(found, Own) and not found.declared:
        found, kinds = load_own(place, kind), (kind,)
    if kind not in kinds:
        raise UserError(
            f"{place} must be for {kind} problems as the task is, but it is for {' and '.join(kinds)}"
        )
    if isinstance(found, Part):
        _keep_promises(place, found, kind)
        return found
    for finding in examine(found)[0]:
        if not finding.ok:
            raise UserError(
                f"{place} cannot be searched: {finding.check}: {finding.text}; see lossmith check {place}"
            )
    return _as_part(place, found)


def _keep_promises(place: str, found: Part, kind: Kind) -> None:
    register(found)
    for promise in contract.CHECKS:
        if promise in contract.SPARED:
            continue
        try:
            promise(contract.of_part(found, kind))
        except Exception as error:
            said = one_line(error, 240)
            raise UserError(f"{place} cannot be searched: {said}; see lossmith check {place}") from error


def _as_part(place: str, found: Own) -> Part:
    name = place.rpartition(":")[2]
    slots = "".join(f", {{{p.name}}}" for p in found.parameters)
    with torch.no_grad():
        outputs, targets = random_batch(found.kind, dtype=torch.float32)
        value = found.call(outputs, targets, {p.name: p.default for p in found.parameters})
    level: Level = "sample" if value.dim() else "batch"
    shown = name.replace("_", r"\_")
    return Part(
        name=name,
        stage="term",
        kinds=(found.kind,),
        function=UserTerm(found.loss_itself),
        formula=f"{name}(z, y{slots})",
        latex=rf"\operatorname{{{{{shown}}}}}(z, y{slots})",
        source=f"{Path(place.rpartition(':')[0]).name}",
        parameters=found.parameters,
        level=level,
    )
