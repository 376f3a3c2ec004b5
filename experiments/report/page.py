"""A search as one HTML file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import get_args

from ..results.class_table import class_rows
from ..results.recommendation import Answer
from ..results.search_document import SearchDocument
from ..version import version
from .elsewhere import elsewhere
from .headline import facts, headline, notices, sentence, what_now
from .headroom_words import headroom_words
from .picture import Drawn, Section
from .pictures import drawn as pictures_of
from .provenance import provenance, setting, spec_yaml, trained
from .recommendation_section import recommendation
from .search_section import searched, stopped

HERE = Path(__file__).parent


def page(document: SearchDocument, answer: Answer | None, drawn: Iterable[Drawn] | None = None) -> str:
    """The HTML of a report.

    Whatever texts the document holds are shown as text: nothing in them can become markup or code, and the
    page's own policy lets no script run but the two it was written with.

    Args:
        document: What is known of the search.
        answer: The loss to train with, or None where no trial is complete.
        drawn: The pictures, where they are drawn already.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    shown = list(pictures_of(document) if drawn is None else drawn)
    plotly, script = _plotly(), _own("page.js")
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    values = {
        "name": document.name,
        "task": document.task,
        "date": _day(document.created_at),
        "version": version(),
        "headline": headline(document),
        "sentence": sentence(document),
        "now": what_now(document, answer),
        "facts": facts(document),
        "notices": notices(document),
        "pictures": {part: [it for it in shown if it.section == part] for part in get_args(Section)},
        "loss": None if answer is None else recommendation(document, answer),
        "search": searched(document),
        "headroom": "" if any(it.name == "headroom_gap" for it in shown) else headroom_words(document),
        "stopped": stopped(document),
        "elsewhere": elsewhere(document),
        "classes": class_rows(document),
        "usual": ""
        if document.verdict is None or document.verdict.usual is None
        else document.verdict.usual.standard,
        "setting": setting(document),
        "trained": trained(document),
        "provenance": provenance(document),
        "spec": spec_yaml(document.spec),
        "policy": _policy(plotly, script),
        "style": Markup(_own("page.css")),  # noqa: S704  (our own file, as are the next three)
        "data": Markup(_figures(shown)),  # noqa: S704
        "plotly": Markup(plotly),  # noqa: S704
        "script": Markup(script),  # noqa: S704
    }
    return environment.get_template("page.html").render(values)


def _day(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%B %Y}"


def _figures(drawn: Iterable[Drawn]) -> str:
    """The figures as JSON that can stand in a script element: no character of it can end the element."""
    whole = {it.name: json.loads(it.figure.to_json(validate=False)) for it in drawn}
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
