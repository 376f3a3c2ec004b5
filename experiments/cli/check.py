"""lossmith check: whether a loss of one's own can be searched and trained with."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import Json
from .output import console, print_json, quiet_stdout


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
    """Check whether a loss of your own can be searched, exported and trained with.

    The file is run. A line says "failed" where the loss cannot be searched, "note" where something cannot be
    done with it. Exits with 2 when a line says "failed".
    """
    from ...losses.checks import examine
    from ...losses.custom import load_loss
    from ...losses.errors import UserError
    from ...losses.kinds import kind_named
    from ..usercode import trust

    if kind is not None:
        kind_named(kind)
    trust([place])  # the user asks for it to be run
    with quiet_stdout():
        found = load_loss(place, kind)
        if kind is not None and kind not in found.kinds:
            raise UserError(
                f"{place} is declared for {' and '.join(found.kinds)} problems, but asked about as {kind}; "
                "leave --kind out"
            )
        rows = [
            {**vars(finding), "check": f"{finding.check} ({one})" if len(found.kinds) > 1 else finding.check}
            for one in ([kind] if kind else found.kinds)
            for finding in examine(found, one)
        ]
    ok = all(row["ok"] or not row["needed"] for row in rows)
    if as_json:
        print_json({"loss": place, "ok": ok, "checks": rows})
    else:
        for row in rows:
            mark = "ok    " if row["ok"] else "failed" if row["needed"] else "note  "
            console().print(f"{mark}  {row['check']}: {row['text']}", soft_wrap=True)
        console().print(f"{place} {'can be searched and trained with' if ok else 'fails'}", soft_wrap=True)
    return 0 if ok else 2
