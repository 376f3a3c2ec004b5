"""lossmith losses: what can be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
    chosen = [known for known in KINDS if kind in (None, known)]
    if as_json:
        print_json({known: _document(known) for known in chosen})
    else:
        for known in chosen:
            _print(known)


def _print(kind: Kind) -> None:
    from rich.table import Table

    from ...losses import formula, parts_for, standard_specs

    sources, columns = _sources(kind), ("part", "stage", "formula", "parameters", "source")
    standard = Table("loss", "formula", "source", title=f"{kind}: standard losses", title_justify="left")
    for name, spec in standard_specs(kind).items():
        standard.add_row(name, formula(spec), sources[name])
    parts = Table(*columns, title=f"{kind}: parts of searched losses", title_justify="left")
    for part in parts_for(kind).values():
        parameters = "\n".join(_line(part.name, parameter) for parameter in part.parameters)
        parts.add_row(part.name, _stage(part), _formula(part), parameters, part.source)
    console().print(standard)
    console().print(parts)


def _line(part: str, parameter: Parameter) -> str:
    low, high = parameter.domain
    opening = "(" if parameter.open_low or low == float("-inf") else "["
    closing = ")" if high == float("inf") else "]"
    scale = ", log" if parameter.log else ""
    searched = f"{parameter.search[0]:g} to {parameter.search[1]:g}{scale}"
    return (
        f"{part}.{parameter.name} in {opening}{low:g}, {high:g}{closing}, searched from {searched}, "
        f"default {parameter.default:g}: {parameter.about}"
    )


def _document(kind: Kind) -> dict[str, object]:
    """The standard losses and the parts of a kind, as `--json` prints them."""
    from ...losses import formula, parts_for, standard_specs

    sources = _sources(kind)
    standard = [
        {
            "name": name,
            "formula": formula(spec),
            "parameters": dict(spec.parameters),
            "source": sources[name],
        }
        for name, spec in standard_specs(kind).items()
    ]
    parts = [
        {
            "name": part.name,
            "stage": _stage(part),
            "formula": _formula(part),
            "parameters": [_parameter(part.name, parameter) for parameter in part.parameters],
            "source": part.source,
        }
        for part in parts_for(kind).values()
    ]
    return {"standard": standard, "parts": parts}


def _parameter(part: str, parameter: Parameter) -> dict[str, object]:
    low, high = parameter.domain
    return {
        "name": f"{part}.{parameter.name}",
        "domain": {"low": low, "high": high, "open_low": parameter.open_low},
        "range": {"low": parameter.search[0], "high": parameter.search[1], "log": parameter.log},
        "default": parameter.default,
        "off_at": parameter.neutral,
        "about": parameter.about,
    }


def _sources(kind: Kind) -> dict[str, str]:
    """Where each standard loss of a kind comes from."""
    from ...losses import parts_for

    return {name: part.source for part in parts_for(kind).values() for name in part.standards_for(kind)}


def _stage(part: Part) -> str:
    return part.stage if part.level == "sample" else f"{part.stage} per batch"


def _formula(part: Part) -> str:
    return part.formula.format(**{parameter.name: parameter.name for parameter in part.parameters})
