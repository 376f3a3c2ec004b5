"""lossmith audit: what is wrong with a loss, and how it would hurt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Json
from .output import console, print_json, quiet_stdout

if TYPE_CHECKING:
    from ...losses import Audit


def audit(
    place: Annotated[
        str,
        typer.Argument(
            metavar="LOSS",
            help="FILE.py:NAME, the name of a standard loss, or a loss.json or loss.py that export wrote.",
            show_default=False,
        ),
    ],
    *,
    kind: Annotated[
        str | None,
        typer.Option(
            help="multiclass, binary, multilabel or regression (default: the only one that fits).",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Say what is wrong with a loss, how it would hurt, and what to write instead.

    A Python file is run. Exits with 0 when nothing is found, with 1 when something is; a line that begins
    with "note" is no finding.
    """
    from ...losses.custom import load_loss
    from ...losses.kinds import kind_named
    from ..usercode import trust

    if kind is not None:
        kind_named(kind)
    is_file = ".py" in place
    if place.endswith(".py"):  # of an export
        place = f"{place}:Loss"
    if is_file:
        trust([place])  # the user asks for it to be run
    with quiet_stdout():
        found = _audited(place, load_loss(place, kind) if is_file else place, kind)
    if as_json:
        print_json({"loss": place, **found.to_json()})
    else:
        _print(place, found)
    return 0 if found.ok else 1


def _audited(place: str, loss: Any, kind: str | None) -> Audit:
    """The audit for a kind, or for the only one that fits."""
    from ...losses import UserError
    from ...losses import audit as audit_loss
    from ...losses.custom import user_error

    name = place.rpartition(":")[2] if ".py:" in place else place
    kinds = [kind] if kind is not None else _declared(loss, place)
    tried, errors = [], []
    for one in kinds:
        try:
            tried.append(audit_loss(loss, one, name=name))
        except UserError as error:
            errors.append(error)
    sound = [one for one in tried if not any(finding.severity == "error" for finding in one.findings)]
    for fits in (tried, sound):
        if len(fits) == 1:
            return fits[0]
    if tried:
        fitting = ", ".join(one.kind for one in sound or tried)
        raise UserError(f"{place} runs on problems of several kinds: {fitting}; say which with --kind")
    if len(kinds) == 1 and (cause := errors[0].__cause__) is not None:
        raise user_error(f"{place} cannot be audited for {kinds[0]}", cause) from cause
    if len(kinds) == 1 or loss == place:
        raise errors[0]
    raise UserError(f"{place} runs on no kind of problem: {errors[0]}", detail=errors[0].detail)


def _declared(loss: Any, place: str) -> list[str]:
    """The kinds that a loss says it is for, or all where it does not say."""
    from ...losses import Part, UserError, load_frozen, standard_specs
    from ...losses.errors import unknown
    from ...losses.kinds import KINDS

    if isinstance(loss, Part):
        inner = getattr(loss.function, "loss", None)
        return list(loss.kinds) if inner is None or hasattr(inner, "__lossmith__") else list(KINDS)
    if place.endswith(".json"):
        return [load_frozen(place).spec.kind]
    having = [one for one in KINDS if place in standard_specs(one)]
    if len(having) > 1:
        raise UserError(f"{place} is a standard loss for {', '.join(having)}; say which with --kind")
    if not having:
        raise unknown("standard loss", place, {name for one in KINDS for name in standard_specs(one)})
    return having


def _print(place: str, found: Audit) -> None:
    def line(text: str) -> None:
        console().print(text, soft_wrap=True)

    for one in (*found.findings, *found.notes):
        line(f"{one.severity:<7}  {one.name}: {one.what}")
        line(f"         measured: {one.evidence}")
        line(f"         hurts: {one.hurts}")
        line(f"         remedy: {one.remedy}")
    number = len(found.findings)
    said = "nothing is wrong" if found.ok else f"{number} finding{'s' * (number > 1)}"
    line(f"{place} as a {found.kind} loss: {said}")
