"""lossmith losses: what can be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Json
from .output import console, print_json

if TYPE_CHECKING:
    from ...losses import Kind, Parameter, Part


def losses(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="multiclass, binary, multilabel or regression (default: all).",
            show_default=False,
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the standard losses and the parts of searched losses."""
    from ...losses.declarations import KINDS
    from ...losses.errors import unknown

    if kind is not None and kind not in KINDS:
        raise unknown("kind of problem", kind, KINDS)
    document: dict[str, Any] = {known: _document(known) for known in KINDS if kind in (None, known)}
    if as_json:
        print_json(document)
    else:
        _print(document)


def _document(kind: Kind) -> dict[str, Any]:
    from ...losses import formula, parts_for, standard_specs

    parts = parts_for(kind).values()
    sources = {name: part.source for part in parts for name in part.standards_for(kind)}
    return {
        "standard": [
            {
                "name": name,
                "formula": formula(spec),
                "parameters": dict(spec.parameters),
                "source": sources[name],
            }
            for name, spec in standard_specs(kind).items()
        ],
        "parts": [_part(part) for part in parts],
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "stage": part.stage if part.level == "sample" else f"{part.stage} per batch",
        "formula": part.formula.format(**{p.name: p.name for p in part.parameters}),
        "parameters": [_parameter(part.name, parameter) for parameter in part.parameters],
        "source": part.source,
    }


def _parameter(part: str, parameter: Parameter) -> dict[str, Any]:
    low, high = parameter.domain
    return {
        "name": f"{part}.{parameter.name}",
        "domain": {"low": low, "high": high, "open_low": parameter.open_low},
        "range": {"low": parameter.search[0], "high": parameter.search[1], "log": parameter.log},
        "default": parameter.default,
        "off_at": parameter.neutral,
        "about": parameter.about,
    }


def _print(document: dict[str, Any]) -> None:
    from rich.table import Table

    out = console()
    for kind, found in document.items():
        standard = Table("loss", "formula", "source", title=f"{kind}: standard losses", title_justify="left")
        for row in found["standard"]:
            standard.add_row(row["name"], row["formula"], row["source"])
        parts = Table(
            "part", "stage", "formula", "parameters", "source", title=f"{kind}: parts", title_justify="left"
        )
        for row in found["parts"]:
            parameters = "\n".join(_line(parameter) for parameter in row["parameters"])
            parts.add_row(row["name"], row["stage"], row["formula"], parameters, row["source"])
        out.print(standard)
        out.print(parts)


def _line(parameter: dict[str, Any]) -> str:
    low, high = parameter["domain"]["low"], parameter["domain"]["high"]
    opening = "(" if parameter["domain"]["open_low"] or low == float("-inf") else "["
    closing = ")" if high == float("inf") else "]"
    scale = ", log" if parameter["range"]["log"] else ""
    searched = f"{parameter['range']['low']:g} to {parameter['range']['high']:g}{scale}"
    return (
        f"{parameter['name']} in {opening}{low:g}, {high:g}{closing}, searched from {searched}, "
        f"default {parameter['default']:g}: {parameter['about']}"
    )
