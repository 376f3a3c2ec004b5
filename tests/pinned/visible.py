"""What a search shows, as text that is the same whenever and wherever the search is run again."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient

BLOCKS = re.compile(
    "body|caption|dd|details|div|dl|dt|figcaption|figure|footer|h[1-6]|header|li|main|math|noscript|p|pre|"
    "section|summary|table|title|tr"
)
UNSEEN = frozenset(["annotation", "script", "style"])
NEWLINE = "\N{PILCROW SIGN}"  # of the source inside <pre>, which is no space
MASKS = {
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|[+-]\d\d:\d\d)?": "TIME",
    r"\b\d{1,2} [A-Z][a-z]+ 20\d\d\b": "DATE",
    r"\b[0-9a-f]{32}\b": "RUN",
    r"\b[0-9a-f]{16}(?=/\d+\b)": "SEARCH",
    r"\b(lossmith|torch|Python)(:?) \d+\.\d+\.\d+(\+\w+)?": r"\1\2 VERSION",
    r"\bIt took [^.(]*\d+(\.\d+)? ?\w+( \w+)*": "It took SECONDS",
    r"\b[\d,]+ model steps a second": "STEPS a second",
    r"\btook \d[\d.]* s and reached": "took SECONDS and reached",
    r"\b(headroom|explore|race|verdict|confirm|transfer|insight) \d[\d.]*(s|m|h)\b": r"\1 SECONDS",
}
LONG_FLOAT = re.compile(r"(?<![\w.])\d+\.\d{5,}(?:e[-+]?\d+)?(?!\w|\.\d)")
VOLATILE = frozenset(["created_at", "members_per_second", "run_id", "seconds", "updated_at", "versions"])


def masked(text: str, folder: Path) -> str:
    """A text without times, versions, ids and the folder's path, its floats with six significant digits."""
    text = text.replace(str(folder), "FOLDER")
    for pattern, word in MASKS.items():
        text = re.sub(pattern, word, text)
    return LONG_FLOAT.sub(lambda found: f"{float(found[0]):.6g}", text)


def document_text(document: dict[str, Any]) -> str:
    """What `show --json` prints, keys sorted, without what is volatile, and one trial a line."""
    rest, trials = {**document}, document["trials"]
    rest["trials"] = len(trials)
    lines = [json.dumps(_lasting(trial), sort_keys=True) for trial in trials]
    return "\n".join([json.dumps(_lasting(rest), sort_keys=True, indent=1), *lines, ""])


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(inner) for key, inner in value.items() if key not in VOLATILE}
    return [_lasting(inner) for inner in value] if isinstance(value, list) else value


def page_text(page: str) -> str:
    """What a reader sees of a report, a line for each block and row of a table; pictures are left out."""
    reader = _Reader()
    reader.feed(page)
    lines = (re.sub(r"\s+", " ", line).strip() for line in "".join(reader.seen).split(NEWLINE))
    return "\n".join([*(line for line in lines if line), ""])


class _Reader(HTMLParser):
    """Collects the visible text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._inside: list[str] = []  # elements that are not shown, and <pre>

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNSEEN or tag == "pre":
            self._inside.append(tag)
        self.seen.append(NEWLINE if BLOCKS.fullmatch(tag) else " | " if tag in ("td", "th") else "")

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()
        self.seen.append(NEWLINE if BLOCKS.fullmatch(tag) else "")

    def handle_data(self, data: str) -> None:
        if UNSEEN.isdisjoint(self._inside):
            self.seen.append(data.replace("\n", NEWLINE) if "pre" in self._inside else data)


def tracked_text(tracking_uri: str) -> str:
    """Every MLflow run, the search first and then its trials by their number, one run a line."""
    client = MlflowClient(tracking_uri=tracking_uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments, max_results=1000)
    runs = sorted(found, key=lambda run: int(run.data.tags.get("lossmith.trial", "/-1").rpartition("/")[2]))
    rows = []
    for run in runs:
        tags = {key: value for key, value in run.data.tags.items() if key != "lossmith.search"}
        shown = {
            "status": run.info.status,
            "params": run.data.params,
            "metrics": run.data.metrics,
            "tags": tags,
        }
        rows.append(json.dumps(shown, sort_keys=True))
    return "\n".join([*rows, ""])
