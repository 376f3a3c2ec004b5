"""A search as one HTML file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from ..results.recommendation import Answer
from ..version import version
from .captioned import Picture, pictures
from .headline import facts, headline, notices, sentence
from .provenance import provenance, setting, spec_yaml, trained
from .recommendation_section import advice
from .search_section import headroom, searched, stopped
from .tables import elsewhere

HERE = Path(__file__).parent


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
        "facts": facts(document),
        "notices": notices(document),
        "pictures": drawn,
        "loss": None if answer is None else advice(document, answer),
        "search": searched(document),
        "headroom": headroom(document),
        "stopped": stopped(document),
        "elsewhere": elsewhere(document),
        "setting": setting(document),
        "trained": trained(document),
        "provenance": provenance(document),
        "spec": spec_yaml(document["spec"]),
        "policy": _policy(plotly, script),
        "style": Markup(_own("page.css")),  # noqa: S704  (our own file, as are the next three)
        "data": Markup(_figures(drawn)),  # noqa: S704
        "plotly": Markup(plotly),  # noqa: S704
        "script": Markup(script),  # noqa: S704
    }
    return environment.get_template("page.html").render(values)


def _day(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%B %Y}"


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
