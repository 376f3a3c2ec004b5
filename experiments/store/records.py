"""What the store hands out, and its way to and from rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row

from ...losses.errors import shown
from ...search.records import Trial, Unit
from ...search.records.typed_json import OMITTED, REST, UNREADABLE, Damaged, Document, fields_of, read, told
from .owner import is_live

Status = Literal["running", "finished", "interrupted", "cancelled", "failed"]

# Parts of a trial's document that have a column of their own.
_COLUMNS = ("number", "phase", "state", "standard")


@dataclass(frozen=True)
class RunNotes:
    """Small things that are kept about a search beside its trials.

    Attributes:
        runner: Where cohorts are trained: "local" or "ray".
        files: The text of the user's files that the search needs, by name, to resume it elsewhere.
        versions: What it was trained with, by name; one entry for each time that this changed.
        model: The name of the model that was registered in MLflow.
        more: What another version of lossmith has noted.
    """

    runner: str | None = field(default=None, metadata=OMITTED)
    files: Mapping[str, str] | None = field(default=None, metadata=OMITTED)
    versions: tuple[Mapping[str, str], ...] | None = field(default=None, metadata=OMITTED)
    model: str | None = field(default=None, metadata=OMITTED)
    more: Document = field(default_factory=dict, metadata=REST)

    def to_json(self) -> dict[str, Any]:
        """Return the notes as a plain document."""
        return fields_of(self)

    def without_files(self) -> RunNotes:
        """The notes without the text of the user's files."""
        return replace(self, files=None)


@dataclass(frozen=True)
class SearchRecord:
    """One search as the store knows it, without its trials. Times are UTC.

    Attributes:
        id: The number of the search in its store.
        uid: 16 hexadecimal digits that name the search wherever its trials are shown; `id` and `name` are its
            own store's affair.
        name: Its name, one of a kind in the store.
        status: How it stands; "interrupted" also where its owner has died while it was running.
        spec: Its SPEC, as `SearchSpec.to_json` wrote it.
        task: What is kept of its task; `results.reading.task_of` reads it.
        seed: The SPEC's seed.
        created_at: When it was entered.
        updated_at: When anything of it changed last.
        owner: The process that runs it, as `new_owner` named it; None where none does.
        heartbeat_at: When the owner was last heard of.
        reason: Why it ended without a verdict, or failed.
        verdict: What its verdict wrote; `results.reading.verdict_of` reads it.
        notes: What is kept beside the trials.
        seconds: Wall-clock seconds by phase, and those of store and MLflow.
        experiment_id: MLflow's experiment; None until MLflow has the search.
        run_id: The search's parent run in MLflow; None until there is one.
    """

    id: int
    uid: str
    name: str
    status: Status
    spec: Document
    task: Document
    seed: int
    created_at: datetime
    updated_at: datetime
    owner: str | None
    heartbeat_at: datetime | None
    reason: str | None
    verdict: Document | None
    notes: RunNotes
    seconds: Mapping[str, float]
    experiment_id: str | None
    run_id: str | None


@dataclass(frozen=True)
class StoredTrial:
    """A trial with the moments between which its unit was trained.

    Attributes:
        trial: The trial.
        started_at: When its unit began (UTC).
        ended_at: When its unit was kept (UTC).
    """

    trial: Trial
    started_at: datetime
    ended_at: datetime


def search_record(row: Row[Any], now: datetime, stale_after_s: float) -> SearchRecord:
    """Read a row of `searches` as the search that it is now.

    Args:
        row: All columns of the table.
        now: The time by the database's clock.
        stale_after_s: Seconds of silence after which an owner counts as dead.

    Raises:
        Damaged: A column holds something else than it should.
    """
    values = dict(row._mapping)  # noqa: SLF001  (public in SQLAlchemy; the underscore keeps column names free)
    try:
        dead = not is_live(values["owner"], values["heartbeat_at"], now, stale_after_s)
    except UNREADABLE:
        raise Damaged(f"owner must be HOST:PID:TOKEN, but got {shown(values['owner'])}") from None
    if values["status"] == "running" and dead:
        values["status"] = "interrupted"
    return read(SearchRecord, values)


def trial_row(search_id: int, position: int, trial: Trial) -> dict[str, object]:
    """Make the row of `trials` for a trial, without the id of its unit.

    Args:
        search_id: The number of the search.
        position: The trial's place within its unit, from 0.
        trial: The trial.
    """
    rest = trial.to_json()
    own = {name: rest.pop(name) for name in _COLUMNS}
    score = trial.outcome.score
    return own | {
        "search_id": search_id,
        "position": position,
        "score": None if math.isnan(score) else score,
        "loss": trial.candidate.spec.hash,
        "rest": rest,
    }


def trial_of(row: Row[Any]) -> Trial:
    """Read a trial from a row of `trials`.

    Raises:
        Damaged: The row holds no trial.
    """
    own = {name: getattr(row, name) for name in _COLUMNS}
    try:
        return Trial.from_json({**row.rest, **own})
    except UNREADABLE as error:
        raise Damaged(f"trial {row.number} cannot be read: {told(error)}") from None


def unit_of(row: Row[Any], trials: tuple[Trial, ...]) -> Unit:
    """Make a unit of its row and its trials.

    Args:
        row: A row of `units`.
        trials: The unit's trials, in their order.
    """
    return Unit(row.phase, row.place, trials, row.payload, row.seconds)


def stored_trial(row: Row[Any]) -> StoredTrial:
    """Read a trial from a row that also holds its unit's `saved_at` and `seconds`."""
    return StoredTrial(trial_of(row), row.saved_at - timedelta(seconds=row.seconds), row.saved_at)
