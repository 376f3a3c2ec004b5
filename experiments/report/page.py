"""A search as one HTML file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from ...losses import UserError, formula, latex, source
from ..durations import format_duration
from ..experiment import Answer
from ..version import version
from .mathml import UnknownLatex, mathml
from .pictures import Picture, pictures
from .tables import Table, chance, elsewhere, table
from .usage import FOLDER, Snippet, snippets

HERE = Path(__file__).parent
CLASS_LETTERS = (
    "p is the probability of the true class t, z the logits, π the class shares, n the samples of a class, "
    "K the number of classes."
)
OTHER_LETTERS = "r is the residual, prediction minus target, in units of the targets' spread."
_DIVERGED = 20  # trials listed
Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class Fact:
    """One number of the head of the page."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Advice:
    """The loss to train with, ready to be shown. `lines` are MathML, or text where that is not possible."""

    note: str
    rate: str
    lines: Sequence[Any]
    plain: str
    latex: str
    letters: str
    command: str
    snippets: Sequence[Snippet]
    source: str


def page(
    document: Mapping[str, Any], answer: Answer | None, drawn: Mapping[str, Picture] | None = None
) -> str:
    """The HTML of a report, with the loss to train with; the pictures are drawn if they are not given.

    `document` is that of `report_document`. Whatever texts it holds are shown as text: nothing in them can
    become markup or code, and the page's own policy lets no script run but the two it was written with.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    drawn = pictures(document) if drawn is None else drawn
    plotly, script = _plotly(), _own("page.js")
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    values = {
        "name": document["name"],
        "task": document["task"],
        "date": _day(document["created_at"]),
        "version": version(),
        "headline": headline(document),
        "sentence": sentence(document),
        "facts": _facts(document),
        "notices": list(_notices(document)),
        "pictures": drawn,
        "loss": None if answer is None else _advice(document, answer),
        "search": _searched(document),
        "headroom": _headroom(document),
        "stopped": _stopped(document),
        "elsewhere": elsewhere(document),
        "setting": _setting(document),
        "engine": _flat(document.get("engine") or document["notes"].get("engine") or {}),
        "provenance": _provenance(document),
        "spec": spec_yaml(document["spec"]),
        "policy": _policy(plotly, script),
        "style": Markup(_own("page.css")),  # noqa: S704  (our own file, as are the next three)
        "data": Markup(_figures(drawn)),  # noqa: S704
        "plotly": Markup(plotly),  # noqa: S704
        "script": Markup(script),  # noqa: S704
    }
    return environment.get_template("page.html").render(values)


def headline(document: Mapping[str, Any]) -> str:
    """The verdict in a few words."""
    verdict = document.get("verdict")
    if verdict is None:
        return {
            "running": "The search is still running",
            "finished": "The search ended without a verdict",
        }.get(document["status"], f"The search is {document['status']}: no verdict yet")
    standard = verdict["best_standard"]["standard"]
    if verdict["better"]:
        return "A searched loss is better than every standard one"
    if verdict["winner"]["standard"] is not None:
        return f"Stay with {verdict['winner']['standard']}"
    if verdict.get("conclusion") == "no worse":
        return f"No worse than {standard}, within the margin"
    return f"Not shown to be better than {standard}"


def sentence(document: Mapping[str, Any]) -> str:
    """The verdict in a sentence, or why there is none."""
    verdict = document.get("verdict")
    if verdict is not None:
        return str(verdict["sentence"])
    if document["reason"]:
        return str(document["reason"])
    done = document["counts"]["complete"]
    if document["status"] == "running":
        return f"{done} trials are complete so far; nothing was compared on test data yet."
    if not done:
        return f"No trial is complete. Go on with: lossmith resume {document['name']}"
    return (
        f"{done} trials are complete, and nothing was compared on test data yet. "
        f"Go on with: lossmith resume {document['name']}"
    )


def _facts(document: Mapping[str, Any]) -> list[Fact]:
    verdict = document.get("verdict")
    if verdict is None:
        counts = document["counts"]
        best = document.get("best")
        found = [Fact(f"trials {state}", str(count)) for state, count in counts.items()]
        if best is not None:
            note = f"trial {best['number']}, not compared on test data"
            found.insert(0, Fact("best so far, on validation data", f"{best['score']:.4f}", note))
        return found
    own, other = verdict["scores"]["winner"], verdict["scores"]["best_standard"]
    winner = verdict["winner"]["standard"] or "the searched loss"
    found = [Fact(winner, f"{own['mean']:.4f}", f"{verdict['metric']} ±\u00a0{own['sd']:.4f}")]
    challenger = verdict.get("challenger")
    if verdict["winner"]["standard"] is None:
        found.append(
            Fact(
                "best standard loss",
                f"{other['mean']:.4f}",
                f"{verdict['best_standard']['standard']} ±\u00a0{other['sd']:.4f}",
            )
        )
        shown: Mapping[str, Any] = verdict
        label = "difference"
    elif challenger is not None:
        found.append(
            Fact("best searched loss", f"{challenger['mean']:.4f}", f"±\u00a0{challenger['sd']:.4f}")
        )
        shown, label = challenger, "searched minus standard"
    else:
        return found
    interval = f"95%: {shown['ci_low']:+.4f} to {shown['ci_high']:+.4f}"
    found.append(Fact(label, f"{shown['difference']:+.4f}", interval))
    p = "< 0.0001" if shown["p_value"] < 1e-4 else chance(shown["p_value"])
    found.append(Fact("p-value", p, f"{verdict['repeats']} paired repeats"))
    return found


def _notices(document: Mapping[str, Any]) -> Iterator[str]:
    for key in ("overlap", "warning"):
        if isinstance(found := document["notes"].get(key), str):
            yield found
    verdict = document.get("verdict") or {}
    if isinstance(verdict.get("note"), str):
        yield verdict["note"]


def _advice(document: Mapping[str, Any], answer: Answer) -> Advice:
    from markupsafe import Markup

    spec = answer.loss
    text = latex(spec)
    body, _, conditions = text.partition(r" \quad \text{with } ")
    lines: list[Any] = []
    for line in [body, *(conditions.split(r",\; ") if conditions else [])]:
        try:
            lines.append(Markup(mathml(line)))  # noqa: S704  (made of escaped tokens)
        except UnknownLatex:
            lines.append(line)
    try:
        code = source(spec)
    except (UserError, TypeError, OSError):  # a part of a user's own, whose source is not at hand
        code = ""
    rate = answer.learning_rate
    return Advice(
        note=f"This is {answer.note}.",
        rate=f"{rate:.3g}",
        lines=lines,
        plain=formula(spec),
        latex=text,
        letters=OTHER_LETTERS if spec.kind == "regression" else CLASS_LETTERS,
        command=f"lossmith export {document['name']} --to {FOLDER}",
        snippets=snippets(_recipe(document, answer), rate, document["notes"].get("model")),
        source=code,
    )


def _recipe(document: Mapping[str, Any], answer: Answer) -> Mapping[str, Any]:
    """The recipe that the loss to train with was found with: that of its trial, else the task's."""
    said: Mapping[str, Any] = document["task"].get("recipe", {})
    return next((t["recipe"] for t in document["trials"] if t["number"] == answer.number), said)


def _searched(document: Mapping[str, Any]) -> str:
    counts, seconds = document["counts"], document["seconds"]
    said = (
        f"{sum(counts.values())} trials: {counts['complete']} ran to their end, {counts['pruned']} were "
        f"pruned "
        f"at a rung because they were behind, and {counts['diverged']} diverged."
    )
    if counts.get("rejected"):
        said += f" {counts['rejected']} were rejected untrained, for their gradients."
    phases = [f"{phase} {format_duration(s)}" for phase, s in seconds.items() if phase in _PHASES]
    total = seconds.get("total")
    if phases and total:
        said += f" It took {format_duration(total)} ({', '.join(phases)})."
    rounds = (document.get("kept") or {}).get("race") or []
    if rounds:
        fields = [len(payload.get("scores") or {}) for payload in rounds]
        repeats = sum(len(payload.get("repeats") or ()) for payload in rounds)
        said += (
            f" {fields[0]} losses entered the race on fresh seeds, and {fields[-1]} were left in its last "
            f"round; who stayed to the end was trained {repeats} times in it."
        )
    return said


_PHASES = ("headroom", "explore", "race", "verdict", "insight")


def _headroom(document: Mapping[str, Any]) -> Rows:
    kept = (document.get("kept") or {}).get("headroom") or []
    found = document.get("headroom") or document["notes"].get("headroom") or next(iter(kept), None)
    if isinstance(found, str):
        return [("what was found", found)]
    if not isinstance(found, Mapping):
        return []
    told = {"message": None, **found}  # the sentence first
    if needed := told.get("repeats_needed"):
        told["repeats_needed"] = "; ".join(
            f"{row['difference']:.4f} in {row['repeats']}"
            if row["repeats"]
            else f"{row['difference']:.4f} only with more test samples"
            for row in needed
        )
    return _flat({name: value for name, value in told.items() if value is not None})


def _stopped(document: Mapping[str, Any]) -> Table:
    diverged = [t for t in document["trials"] if t["state"] in ("diverged", "rejected")][:_DIVERGED]
    rows = ((str(t["number"]), t["reason"] or "", t["standard"] or t["formula"]) for t in diverged)
    return table(("trial", "why", "loss"), rows, words=(1, 2))


def _setting(document: Mapping[str, Any]) -> Rows:
    task, recipe = document["task"], document["task"].get("recipe") or {}
    sizes = task.get("sizes") or {}
    found = [
        ("task", str(task.get("name"))),
        ("problem", str(task.get("kind"))),
        ("metric", str(task.get("metric"))),
        ("samples", ", ".join(f"{count} {part}" for part, count in sizes.items())),
        ("class sizes in training", _counts(task.get("class_counts"))),
        ("spread of the targets", _number(task.get("target_scale"))),
        ("model", f"{task['model_parameters']:,} parameters" if "model_parameters" in task else ""),
        ("recipe", ", ".join(f"{key.replace('_', ' ')} {_number(value)}" for key, value in recipe.items())),
    ]
    return [(name, value) for name, value in found if value]


def _counts(counts: Any) -> str:
    if not counts:
        return ""
    if isinstance(counts[0], Sequence):
        return "; ".join(f"{negatives} no, {positives} yes" for negatives, positives in counts[:20])
    shown = ", ".join(str(count) for count in counts[:30])
    return shown + (f" and {len(counts) - 30} more classes" if len(counts) > 30 else "")


def _provenance(document: Mapping[str, Any]) -> Rows:
    import torch

    run = document.get("mlflow") or {}
    versions = document["notes"].get("versions")
    found = [
        ("search", document["name"]),
        ("status", document["status"] + (f": {document['reason']}" if document["reason"] else "")),
        ("started", _moment(document["created_at"])),
        ("last changed", _moment(document["updated_at"])),
        ("seed", _number(document["spec"].get("seed"))),
        ("data's fingerprint", str(document["task"].get("fingerprint") or "")),
        ("MLflow run", str(run.get("run_id") or "")),
        ("trained with", ", ".join(f"{k} {v}" for k, v in versions.items()) if versions else ""),
        ("written with", f"lossmith {version()}, torch {torch.__version__}, Python {sys.version.split()[0]}"),
    ]
    return [(name, value) for name, value in found if value]


def _flat(document: Any, prefix: str = "") -> Rows:
    """A document as rows, a name for each value: for what other parts of lossmith have kept."""
    rows: Rows = []
    for key, value in document.items() if isinstance(document, Mapping) else ():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            rows += _flat(value, f"{name}: ")
        elif isinstance(value, list):
            rows.append((name, ", ".join(_number(v) for v in value[:12])))
        elif value is not None:
            rows.append((name, _number(value)))
    return rows


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M UTC")


def _day(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%B %Y}"


def spec_yaml(spec: Mapping[str, Any]) -> str:
    """A SPEC as the YAML that `lossmith search` reads."""
    import yaml

    given = {key: value for key, value in spec.items() if value is not None}
    text: str = yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=100)
    return text


def _figures(drawn: Mapping[str, Picture]) -> str:
    """The figures as JSON that can stand in a script element: no character of it can end the element."""
    whole = {name: json.loads(it.figure.to_json(validate=False)) for name, it in drawn.items()}
    text = json.dumps(whole, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(*scripts: str) -> str:
    """Nothing is loaded from anywhere, and no script runs but these."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    text: str = get_plotlyjs()
    return text


def _own(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
