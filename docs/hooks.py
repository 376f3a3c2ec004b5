"""Pages of the site that are made from the code: the catalogue of losses, the commands, a SPEC's keys."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import yaml
from mkdocs.structure.files import File, Files

from lossmith.experiments.report.loss_curves import Curve, curves
from lossmith.experiments.report.mathml import UnknownLatex, mathml
from lossmith.losses import LossSpec, Part, formula, latex, parts_for, standard_specs
from lossmith.losses.declarations import KINDS, Kind

COUNTS: dict[str, Any] = {
    "multiclass": [900, 90, 10],
    "binary": [900, 100],
    "multilabel": [[900, 100], [500, 500]],
}
WHEN = Path(__file__).with_name("when_to_use.yaml")
WIDTH, HEIGHT = 280, 150
LEFT, RIGHT, TOP, BOTTOM = 34, 10, 10, 30  # margins, for the numbers of the axes
COLOURS = ("#3f51b5", "#e65100")


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages that are made from the code, and says in nav what other hands have written."""
    pages = {f"catalogue/{kind}.md": catalogue(kind) for kind in KINDS}
    pages |= {"reference/commands.md": commands(), "reference/spec.md": spec_keys()}
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    return files


def catalogue(kind: Kind) -> str:
    """Every standard loss and every part of one kind, with formula, source and curve."""
    lines = [
        f"# Losses for {kind}",
        "",
        "Made from the registry. Curves show what one sample costs (left) and how hard it pulls (right)"
        + (" over its residual." if kind == "regression" else " over its margin, ln(p / (1 - p)).")
        + (
            ""
            if kind == "regression"
            else " Blue is a frequent class or the positives, orange a rare one or the negatives."
        ),
        "",
        "## Standard losses",
        "",
    ]
    for name, spec in sorted(standard_specs(kind).items()):
        lines += [f"### {name}", "", *_spec(name, spec), ""]
    lines += ["## Parts", "", "What searched losses are put together from.", ""]
    for name, part in parts_for(kind).items():
        lines += [f"### {name} ({part.stage})", "", *_part(part), ""]
    return "\n".join(lines)


def _spec(name: str, spec: LossSpec) -> Iterator[str]:
    bound = spec.bind(COUNTS.get(spec.kind), 1.0 if spec.kind == "regression" else None)
    yield when_to_use(spec.kind, name)
    yield ""
    yield _math(latex(spec), formula(spec))
    yield ""
    drawn = curves(bound)
    where = "residual" if spec.kind == "regression" else "margin"
    pictures = [_svg(drawn, what, where) for what in ("loss", "pull")] if drawn else []
    yield f"<div>{''.join(pictures)}</div>" if drawn else "A loss of the whole batch: it has no curve."
    yield ""
    yield "`" + ", ".join(f"{name}={value:g}" for name, value in spec.parameters.items()) + "`"


def when_to_use(kind: Kind, name: str) -> str:
    """When people reach for a standard loss, in a sentence."""
    known: dict[str, str] = yaml.safe_load(WHEN.read_text(encoding="utf-8"))
    return known.get(f"{kind}/{name}", known.get(name, ""))


def _part(part: Part) -> Iterator[str]:
    yield (part.function.__doc__ or "").strip().splitlines()[0]
    yield ""
    yield f"`{part.formula}`"
    yield ""
    if part.parameters:
        yield "| parameter | default | searched | off at | |"
        yield "|---|---|---|---|---|"
        for p in part.parameters:
            off = "" if p.neutral is None else f"{p.neutral:g}"
            scale = " (log)" if p.log else ""
            searched = f"{p.search[0]:g} to {p.search[1]:g}{scale}"
            yield f"| {p.name} | {p.default:g} | {searched} | {off} | {p.about} |"
        yield ""
    yield f"Source: {part.source}"


def _math(tex: str, text: str) -> str:
    try:
        return f"<div>{mathml(tex)}</div>"
    except UnknownLatex:
        return f"`{text}`"


def _svg(drawn: Sequence[Curve], what: str, where: str) -> str:
    """One small picture with its axes: a line for each kind of sample."""
    values = [v for curve in drawn for v in getattr(curve, what) if math.isfinite(v)]
    low, high = min(0.0, *values), max(0.0, *values)
    span = (high - low) or 1.0
    first, last = drawn[0].x[0], drawn[0].x[-1]

    def across(x: float) -> float:
        return LEFT + (x - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        return HEIGHT - BOTTOM - (y - low) / span * (HEIGHT - TOP - BOTTOM)

    def line(curve: Curve, colour: str) -> str:
        points = " ".join(
            f"{across(x):.1f},{down(y):.1f}"
            for x, y in zip(curve.x, getattr(curve, what), strict=True)
            if math.isfinite(y)
        )
        title = escape(curve.case or what)
        drawn_as = f'fill="none" stroke="{colour}" stroke-width="2"'
        return f'<polyline {drawn_as} points="{points}"><title>{title}</title></polyline>'

    def rule(x0: float, y0: float, x1: float, y1: float) -> str:
        return f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="#8886" fill="none"/>'

    def text(x: float, y: float, said: str, anchor: str) -> str:
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{said}</text>'

    marks = sorted({low, 0.0, high})
    axes = [rule(LEFT, down(y), WIDTH - RIGHT, down(y)) for y in marks]
    axes += [text(LEFT - 4, down(y) + 3, f"{y:.2g}", "end") for y in marks]
    bottom = HEIGHT - BOTTOM
    axes += [rule(across(x), TOP, across(x), bottom) for x in (first, 0.0, last)]
    axes += [text(across(x), bottom + 12, f"{x:g}", "middle") for x in (first, 0.0, last)]
    lines = "".join(line(curve, colour) for curve, colour in zip(drawn, COLOURS, strict=False))
    label = f"{what}, from {low:.3g} to {high:.3g}"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-size="9" fill="currentColor"><title>{label}</title>{"".join(axes)}'
        f"{text(across(0), HEIGHT - 4, where, 'middle')}{lines}</svg>"
    )


def commands() -> str:
    """Every command with what `--help` says."""
    import typer

    from lossmith.experiments.cli.app import app

    group = typer.main.get_command(app)
    lines = ["# Commands", "", "Every command has `--help`; errors are one line and end with status 2.", ""]
    for name, command in vars(group)["commands"].items():
        lines += [f"## lossmith {name}", "", (command.help or "").strip(), "", "| | |", "|---|---|"]
        for parameter in command.params:
            if parameter.name == "help":
                continue
            names = (
                ", ".join(f"`{option}`" for option in parameter.opts)
                if parameter.param_type_name == "option"
                else f"`{(parameter.metavar or parameter.name or '').upper()}`"
            )
            lines.append(f"| {names} | {' '.join((getattr(parameter, 'help', '') or '').split())} |")
        lines.append("")
    return "\n".join(lines)


AUTO_SPACE = (
    "`space: auto` takes the preset that suits the task: `imbalanced` for several classes of which the "
    "largest has three times the samples of the smallest or more (never for two classes), `ranking-metrics` "
    "for AUROC and its like, `outliers` for absolute errors, else the preset of the kind."
)


def spec_keys() -> str:
    """Every key of a SPEC with its rule and its default, and the names that values may have."""
    from lossmith.experiments.spec import SearchSpec, TableSpec
    from lossmith.search.metrics import METRICS
    from lossmith.search.proposals.samplers import SAMPLERS
    from lossmith.spaces import presets

    lines = [
        "# The SPEC",
        "",
        "A YAML file. Unknown keys are errors, and every value is checked before anything runs.",
        "",
        *_table(SearchSpec),
    ]
    for name, field in SearchSpec.model_fields.items():
        if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
            lines += ["", f"## {name}", "", *_table(field.annotation, f"{name}.")]
    lines += [
        "",
        "## task, as a table",
        "",
        "`task:` as a mapping describes a CSV or Parquet file.",
        "",
        *_table(TableSpec, "task."),
        "",
        "## training",
        "",
        "For a function `train(loss, trial)`; the keys are the settings of `TrainingFunction`.",
        "",
        *_arguments("lossmith.search", "TrainingFunction", ("train", "recipe", "rehearsal")),
        "",
        "## recipe",
        "",
        *_arguments("lossmith.search", "Recipe", ()),
        "",
        "## Metrics",
        "",
        "| metric | for |",
        "|---|---|",
        *(f"| `{name}` | {', '.join(metric.kinds)} |" for name, metric in METRICS.items()),
        "",
        "## Spaces",
        "",
        AUTO_SPACE,
        "",
        "| preset | for | about |",
        "|---|---|---|",
        *(
            f"| `{name}` | {', '.join(found['kinds'])} | {_plain(found['about'])} |"
            for name, found in presets().items()
        ),
        "",
        "## Samplers",
        "",
        ", ".join(f"`{name}`" for name in SAMPLERS) + "; `auto` chooses by the budget and says why.",
    ]
    return "\n".join(lines) + "\n"


def _table(model: Any, prefix: str = "") -> list[str]:
    """The keys of a model of pydantic's as the rows of a table."""
    rows = ["| key | what it must be | default |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _default(field.default)
        rows.append(f"| `{prefix}{field.alias or name}` | {_plain(field.description)} | {default} |")
    return rows


def _arguments(module: str, name: str, spared: tuple[str, ...]) -> list[str]:
    """The arguments of a dataclass with what its docstring says of each, as the rows of a table."""
    import importlib
    import re

    found = getattr(importlib.import_module(module), name)
    text = (found.__doc__ or "").partition("Args:")[2].partition("Raises:")[0].partition("Example:")[0]
    said = dict(re.findall(r"^        (\w+): (.*(?:\n            .*)*)", text, flags=re.MULTILINE))
    rows = ["| key | what it is |", "|---|---|"]
    fields = [field for field in found.__dataclass_fields__ if field not in spared]
    return rows + [f"| `{field}` | {_plain(' '.join(said.get(field, '').split()))} |" for field in fields]


def _plain(text: Any) -> str:
    """Text for a cell: braces at its end would be taken for attributes, and a bar would end it."""
    return (
        ("" if text is None else str(text))
        .replace("{", "&#123;")
        .replace("}", "&#125;")
        .replace("|", "&#124;")
    )


def _default(value: Any) -> str:
    shown = value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else value
    return "" if shown in (None, {}) else f"<code>{_plain(shown)}</code>"
