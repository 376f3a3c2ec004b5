"""lossmith check: whether a loss of one's own can be searched and trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Json
from .output import console, print_json

if TYPE_CHECKING:
    from ...losses import Part
    from ...losses.custom.examined import Finding


def check(
    place: Annotated[
        str,
        typer.Argument(
            metavar="FILE:OBJECT",
            help="A Python file and the name of a function, an nn.Module, its class, or a Part in it.",
            show_default=False,
        ),
    ],
    *,
    kind: Annotated[
        str | None,
        typer.Option(help="multiclass (the default), binary, multilabel or regression.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> int:
    """Check a loss of your own: differentiable, finite, healthy, vmappable.

    The file is run. Exits with 2 when the loss fails a check.
    """
    from ...losses.custom.examined import examine
    from ...losses.custom.load_file import load_own
    from ...losses.declarations import KINDS, Part
    from ...losses.errors import unknown
    from ..usercode.trust import trust

    if kind is not None and kind not in KINDS:
        raise unknown("kind of problem", kind, KINDS)
    trust([place])  # the user asks for it to be run
    found = load_own(place, kind)
    findings = _examine_part(found) if isinstance(found, Part) else examine(found)[0]
    ok = all(finding.ok for finding in findings)
    document: dict[str, Any] = {"loss": place, "ok": ok, "checks": [vars(finding) for finding in findings]}
    if as_json:
        print_json(document)
    else:
        for finding in findings:
            line = f"{'ok    ' if finding.ok else 'failed'}  {finding.check}: {finding.text}"
            console().print(line, soft_wrap=True)
        console().print(f"{place} {'can be searched and trained with' if ok else 'fails'}", soft_wrap=True)
    return 0 if ok else 2


def _examine_part(found: Part) -> list[Finding]:
    """The whole contract, for every kind the part serves."""
    from ...losses import register
    from ...losses.checks import contract
    from ...losses.custom.examined import Finding
    from ...losses.errors import one_line

    register(found)
    findings = []
    for kind in found.kinds:
        subject = contract.of_part(found, kind)
        for promise in contract.CHECKS:
            name = f"{promise.__name__.replace('_', ' ')} ({kind})"
            try:
                promise(subject)
                text = " ".join((promise.__doc__ or "").split()).rstrip(".")
                findings.append(Finding(name, ok=True, text=text))
            except Exception as error:  # noqa: BLE001  (whatever a user's code raises is a line of the report)
                findings.append(Finding(name, ok=False, text=one_line(error, 240)))
    return findings
