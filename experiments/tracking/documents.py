"""What MLflow is told of a trial and of its search, as plain values that every delivery writes alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...losses.family import MIX
from ...search.records import State, Verdict
from ..results.trial_row import TrialRow
from ..store import SearchRecord, Status, StoredTrial
from ..store.codec import dumps
from .champion import Champion

RunStatus = Literal["FINISHED", "KILLED", "FAILED"]

TRIAL_TAG = "lossmith.trial"  # "<search uid>/<number>": what says that a trial is tracked already
SEARCH_TAG = "lossmith.search"  # the search's uid, on the parent run
PARENT_TAG = "mlflow.parentRunId"
NAME_TAG = "mlflow.runName"
NOTE_TAG = "mlflow.note.content"  # shown as the run's description

_STATUS: Mapping[State, RunStatus] = {
    "complete": "FINISHED",
    "pruned": "KILLED",
    "diverged": "FAILED",
    "rejected": "FAILED",
}
_NAME_LENGTH, _VALUE_LENGTH = 250, 5000  # characters; MLflow takes 250, and 6000 for a parameter


@dataclass(frozen=True)
class Point:
    """One value of a metric.

    Attributes:
        key: The metric's name in MLflow.
        value: Finite.
        step: Where it stands in the metric's history.
    """

    key: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class RunDocument:
    """A child run: one trial.

    Attributes:
        number: The trial's number.
        label: What names the trial in every MLflow: the value of its tag `lossmith.trial`.
        name: The run's name.
        status: The run's status.
        params: Loss and recipe.
        metrics: Scores.
        tags: Everything else.
        started_ms: When its unit began, in milliseconds since 1970.
        ended_ms: When its unit was kept.
    """

    number: int
    label: str
    name: str
    status: RunStatus
    params: Mapping[str, str]
    metrics: tuple[Point, ...]
    tags: Mapping[str, str]
    started_ms: int
    ended_ms: int


Present = Callable[[Path, str], Champion | None]


@dataclass(frozen=True)
class Conclusion:
    """How a search ended: what its parent run is told last.

    Attributes:
        status: The search's status.
        verdict: What it came to.
        artifacts: A directory whose files are logged.
        present: Called when everything else is told: fills a directory with artifacts, given the name that
            the registered model will have, and returns the loss to register.
    """

    status: Status
    verdict: Verdict | None = None
    artifacts: Path | None = None
    present: Present | None = None


def label(search: SearchRecord, number: int) -> str:
    """Name a trial as every MLflow knows it.

    Args:
        search: The search.
        number: The trial's number.
    """
    return f"{search.uid}/{number}"


def run_document(stored: StoredTrial, search: SearchRecord, parent_run_id: str) -> RunDocument:
    """Make the child run of a trial.

    Args:
        stored: The trial and its times.
        search: Its search.
        parent_run_id: The search's parent run.
    """
    row, metric = TrialRow.of(stored.trial), search.task.get("metric")
    return RunDocument(
        row.number,
        label(search, row.number),
        run_name(row),
        _STATUS[row.state],
        _params(row),
        tuple(_metrics(row, metric if isinstance(metric, str) else None)),
        _tags(row, search, parent_run_id),
        round(stored.started_at.timestamp() * 1000),
        round(stored.ended_at.timestamp() * 1000),
    )


def run_name(row: TrialRow) -> str:
    """Make a name of a trial's number, and its standard loss or the parts that a searched one is made of."""
    names = [name.removeprefix(f"{MIX}.").partition(".")[0] for name in row.loss]
    return f"{row.number} {row.standard or ' + '.join(dict.fromkeys(names))}"[:_NAME_LENGTH]


def metric_key(search: SearchRecord) -> str:
    """What MLflow calls the metric of a search."""
    return _key(str(search.task.get("metric") or "score"))


def search_params(search: SearchRecord) -> dict[str, str]:
    """List the SPEC of a search, a parameter for each value: `spec.repeats.seeds` is 4."""
    return {key: _text(value) for key, value in _flat("spec", search.spec)}


def search_tags(search: SearchRecord) -> dict[str, str]:
    """Make the tags of the parent run, with its description."""
    about = {key: search.task[key] for key in ("name", "kind", "metric") if search.task.get(key) is not None}
    goal = f" for the task `{about['name']}`" if "name" in about else ""
    judge = f", judged by {about['metric']}" if "metric" in about else ""
    return {
        SEARCH_TAG: search.uid,
        NAME_TAG: search.name[:_NAME_LENGTH],
        NOTE_TAG: f"A search for a training loss{goal}{judge}. Its trials are the child runs; "
        f"`lossmith show {search.name}` has the same numbers.",
        **{f"lossmith.{'task' if key == 'name' else key}": _text(value) for key, value in about.items()},
        "lossmith.seed": str(search.seed),
    }


def verdict_document(verdict: Verdict) -> tuple[dict[str, float], dict[str, str]]:
    """Split a verdict into numbers, as metrics such as `verdict.difference`, and words, as tags.

    Lists and the documents of losses are left out: they are in the store and in what is exported. The
    sentence that sums the verdict up becomes the run's description.
    """
    numbers: dict[str, float] = {}
    words: dict[str, str] = {}
    for key, value in _flat("verdict", verdict.to_json()):
        if ".loss." in key:
            continue
        if isinstance(value, str):
            words[f"lossmith.{key}"] = _text(value)
        elif isinstance(value, int | float) and math.isfinite(value):
            numbers[key] = float(value)
    words[NOTE_TAG] = _text(verdict.sentence)
    return numbers, words


def _params(row: TrialRow) -> dict[str, str]:
    return {
        **{key: repr(value) for key, value in row.loss.items()},
        **{f"recipe.{key}": _text(value) for key, value in row.recipe.read.items()},
    }


def _metrics(row: TrialRow, metric: str | None) -> Iterator[Point]:
    if row.score is not None:
        yield Point("score", row.score)
        if metric is not None and metric != "score":
            yield Point(_key(metric), row.score)
        if row.sd is not None:
            yield Point("score_sd", row.sd)
    for place, repeat in enumerate(row.scores):
        if repeat.score is not None:
            yield Point("score_by_repeat", repeat.score, place)
    for epoch, score in row.rungs:
        if score is not None:
            yield Point("rung_score", score, epoch)


def _tags(row: TrialRow, search: SearchRecord, parent_run_id: str) -> dict[str, str]:
    maybe = {"lossmith.standard": row.standard, "lossmith.reason": row.reason}
    return {
        TRIAL_TAG: label(search, row.number),
        PARENT_TAG: parent_run_id,
        NAME_TAG: run_name(row),
        "lossmith.phase": row.phase,
        "lossmith.state": row.state,
        "lossmith.loss": _text(row.formula),
        **{key: _text(value) for key, value in maybe.items() if value is not None},
    }


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{_key(str(key))}", inner)
    else:
        yield prefix, value


def _key(name: str) -> str:
    """A name with what MLflow refuses in keys replaced."""
    return re.sub(r"[^\w.\- ]", "_", name, flags=re.ASCII)


def _text(value: Any) -> str:
    if type(value) in (int, float):
        return repr(value)  # as JSON has it, and faster
    return (value if isinstance(value, str) else dumps(value))[:_VALUE_LENGTH]
