"""The store: the one place where searches are kept, and where they are resumed from."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Self, get_args

from sqlalchemy import Connection, Engine, Row, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ...losses.errors import UserError, shown, unknown
from ...search.records import State, Trial, Unit, Verdict
from ...search.records.typed_json import UNREADABLE, Damaged, Document, told
from . import owner as owners
from .engine import engine_for, explained, reading, writing
from .records import (
    RunNotes,
    SearchRecord,
    Status,
    StoredTrial,
    search_record,
    stored_trial,
    trial_of,
    trial_row,
    unit_of,
)
from .schema import upgrade
from .tables import NAME_LENGTH, searches, trainings, trials, units

# Several missed heartbeats: a search whose machine is gone shows as interrupted within a minute.
STALE_AFTER_S = 45.0


class ClaimLost(RuntimeError):  # noqa: N818  (it names what happened, not a fault)
    """Another process owns the search by now, or it was cancelled: what this one brings is not kept."""


class DamagedSearch(UserError):  # noqa: N818  (as above)
    """What the store holds of a search is not what it should be: edited, half-restored or newer.

    Args:
        name: The name of the search.
        said: What is wrong with it, in one line.
    """

    def __init__(self, name: str, said: str) -> None:
        super().__init__(
            f"what the store holds of {name} is damaged ({said}): restore it from a backup; lossmith list "
            "shows the searches beside it"
        )
        self.said = said


def check_name(name: str) -> None:
    """Refuse what no search can be called, whatever a store holds.

    Raises:
        UserError: The name is empty or too long, or holds what no terminal shows.
    """
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
        raise UserError(
            f"a search's name must have 1 to {NAME_LENGTH} characters that can be printed, but got "
            f"{shown(name)}; lossmith list shows the names of a store"
        )


class AlreadySaved(RuntimeError):  # noqa: N818  (as above)
    """The store holds this unit, or one of its trials, already."""


class Store:
    """Searches, their units and trials, in any database SQLAlchemy can reach; threads may share one.

    `Store.open` makes one of a URL. `search_id` is a search's number in the store, `SearchRecord.id`, and
    `owner` the process that runs it, as `new_owner` named it, throughout.

    Args:
        engine: Connects to a database whose schema is up to date.
        stale_after_s: Seconds of silence after which an owner counts as dead.
    """

    def __init__(self, engine: Engine, stale_after_s: float = STALE_AFTER_S) -> None:
        self._engine = engine
        self._stale_after_s = stale_after_s

    @classmethod
    def open(cls, url: str, stale_after_s: float = STALE_AFTER_S) -> Self:
        """Open the store at a URL; it is made or brought up to date where need be.

        Args:
            url: Any SQLAlchemy URL of SQLite or PostgreSQL, such as sqlite:///lossmith.db.
            stale_after_s: Seconds of silence after which an owner counts as dead.

        Raises:
            UserError: The URL is none, the database cannot be reached or written, or a newer lossmith made
                it.
        """
        with explained(url):
            engine = engine_for(url)
            try:
                upgrade(engine, url)
            except BaseException:
                engine.dispose()
                raise
        return cls(engine, stale_after_s)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Searches

    def create(
        self,
        name: str,
        spec: Document,
        task: Document,
        seed: int,
        owner: str | None,
        notes: RunNotes | None = None,
    ) -> SearchRecord:
        """Enter a new search, which is running then.

        Args:
            name: New in this store, at most 200 characters.
            spec: The SPEC's document.
            task: What is to be kept of the task, as JSON holds it.
            seed: The SPEC's seed.
            owner: The process that runs the search.
            notes: The first notes.

        Raises:
            UserError: The name is taken, or none that a search can have.
        """
        check_name(name)
        try:
            with writing(self._engine) as connection:
                now = _now(connection)
                connection.execute(
                    insert(searches).values(
                        uid=secrets.token_hex(8),
                        name=name,
                        status="running",
                        spec=dict(spec),
                        task=dict(task),
                        seed=seed,
                        created_at=now,
                        updated_at=now,
                        owner=owner,
                        heartbeat_at=now,
                        notes=(notes or RunNotes()).to_json(),
                        seconds={},
                    )
                )
        except IntegrityError:
            self.check_free(name)
            raise
        return self.get(name)

    def check_free(self, name: str) -> None:
        """Raise an error where a search of this name is in the store.

        Raises:
            UserError: The name is taken.
        """
        if name in self.names():
            raise UserError(
                f"a search's name must be new in its store, but {name!r} is taken: choose another with "
                f"--name, or continue that one with lossmith resume {name}"
            )

    def get(self, name: str) -> SearchRecord:
        """Read the search of this name.

        Raises:
            UserError: There is none, the message lists near names; or no search can have the name.
            DamagedSearch: Its row cannot be read.
        """
        check_name(name)
        with reading(self._engine) as connection:
            try:
                row = connection.execute(select(searches).where(searches.c.name == name)).one_or_none()
                if row is not None:
                    return search_record(row, _now(connection), self._stale_after_s)
            except UNREADABLE as error:
                raise DamagedSearch(name, self._damaged_columns(connection, name) or told(error)) from None
        names = self.names()
        if not names:
            raise UserError(
                f"unknown search {name!r}: the store holds none; start one with lossmith search SPEC"
            )
        raise unknown("search", name, get_close_matches(name, names, n=3, cutoff=0.5) or names[-10:])

    def searches(self) -> list[SearchRecord]:
        """Read every search whose row can be read, the oldest first; `names` has the others too."""
        found = []
        for name in self.names():
            with suppress(UserError):
                found.append(self.get(name))
        return found

    def names(self) -> list[str]:
        """List the name of every search, the oldest first."""
        with reading(self._engine) as connection:
            found = connection.scalars(select(searches.c.name).order_by(searches.c.id))
            return list(map(str, found))  # SQLite keeps bytes in a column of text, if it is given some

    def finish(
        self,
        search_id: int,
        status: Status,
        verdict: Verdict | None = None,
        reason: str | None = None,
        owner: str | None = None,
    ) -> None:
        """Set a search's status and let go of the search.

        Args:
            search_id: The search.
            status: How it ended.
            verdict: What it came to; None leaves a verdict that was kept before.
            reason: Why it ended without a verdict, or failed.
            owner: Who says so; None for anybody, such as `lossmith cancel`.

        Raises:
            ClaimLost: Another owner holds the search by now.
            UserError: The search is finished, and would be something else.
        """
        with self._locked(search_id) as (connection, row):
            if owner is not None and row.owner != owner:
                raise _claim_lost(row)
            if row.status == "finished" and status != "finished":
                raise UserError(f"search {row.name!r} is finished, so it cannot become {status}")
            values: dict[str, object] = {
                "status": status,
                "reason": reason,
                "owner": None,
                "heartbeat_at": None,
            }
            if verdict is not None:
                values["verdict"] = verdict.to_json()
            self._change(connection, search_id, values)

    def keep_verdict(self, search_id: int, verdict: Verdict, owner: str) -> None:
        """Keep the verdict of a search that goes on.

        Args:
            search_id: The search.
            verdict: Replaces the one that was kept before.
            owner: Who runs the search.

        Raises:
            ClaimLost: Another owner holds the search by now.
        """
        with self._locked(search_id) as (connection, row):
            if row.owner != owner:
                raise _claim_lost(row)
            self._change(connection, search_id, {"verdict": verdict.to_json()})

    def note(self, search_id: int, key: str, value: Any) -> None:
        """Keep something small about a search.

        Args:
            search_id: The search.
            key: A field of `RunNotes`; what was noted under it before is replaced.
            value: What JSON can hold.
        """
        with self._locked(search_id) as (connection, row):
            self._change(connection, search_id, {"notes": {**row.notes, key: value}})

    def add_seconds(self, search_id: int, seconds: Mapping[str, float]) -> None:
        """Add to the time spent.

        Args:
            search_id: The search.
            seconds: Wall-clock seconds by phase.
        """
        with self._locked(search_id) as (connection, row):
            total = {phase: row.seconds.get(phase, 0.0) + spent for phase, spent in seconds.items()}
            self._change(connection, search_id, {"seconds": {**row.seconds, **total}})

    # Ownership

    def claim(self, search_id: int, owner: str, stale_after_s: float | None = None) -> None:
        """Take a search over, to run it from here.

        An owner is dead when it has been silent for too long, or when it was a process of this machine that
        is gone. A finished search stays finished: claiming it serves only to deliver what MLflow has not seen
        of it.

        Args:
            search_id: The search.
            owner: Who runs it from now on.
            stale_after_s: Seconds of silence after which an owner counts as dead; None for the store's own.

        Raises:
            UserError: Another owner that lives holds the search.
        """
        limit_s = self._stale_after_s if stale_after_s is None else stale_after_s
        with self._locked(search_id) as (connection, row):
            now = _now(connection)
            if row.owner != owner and owners.is_live(row.owner, row.heartbeat_at, now, limit_s):
                raise UserError(
                    f"search {row.name!r} is run by {owners.describe(row.owner)}, last heard of "
                    f"{(now - row.heartbeat_at).total_seconds():.0f} s ago: wait for it, or stop it with "
                    f"lossmith cancel {row.name}"
                )
            values: dict[str, object] = {"owner": owner, "heartbeat_at": now}
            if row.status != "finished":
                values |= {"status": "running", "reason": None}
            self._change(connection, search_id, values)

    def heartbeat(self, search_id: int, owner: str) -> bool:
        """Say that the owner lives; False where it owns the search no more, for it was claimed or cancelled.

        Args:
            search_id: The search.
            owner: Who runs it.
        """
        with writing(self._engine) as connection:
            mine = (searches.c.id == search_id) & (searches.c.owner == owner)
            done = connection.execute(update(searches).where(mine).values(heartbeat_at=_now(connection)))
            return done.rowcount == 1

    def holds(self, search_id: int, owner: str) -> bool:
        """Whether no other owner has claimed the search; one that nobody owns is still `owner`'s to clear up.

        Args:
            search_id: The search.
            owner: Who ran it.
        """
        with reading(self._engine) as connection:
            current = connection.scalar(select(searches.c.owner).where(searches.c.id == search_id))
            return current is None or current == owner

    # Units and trials

    def save_unit(self, search_id: int, unit: Unit, owner: str) -> None:
        """Keep a finished unit and its trials in one transaction.

        Args:
            search_id: The search.
            unit: The unit.
            owner: Who runs the search.

        Raises:
            ClaimLost: Another owner holds the search by now.
            AlreadySaved: The unit, or a trial of one of its numbers, is kept already.
        """
        rows = [trial_row(search_id, position, trial) for position, trial in enumerate(unit.trials)]
        try:
            with self._locked(search_id) as (connection, row):
                if row.owner != owner:
                    raise _claim_lost(row)
                now = _now(connection)
                kept = insert(units).values(
                    search_id=search_id,
                    phase=unit.phase,
                    place=unit.index,
                    payload=unit.payload,
                    seconds=unit.seconds,
                    saved_at=now,
                )
                (unit_id,) = connection.execute(kept).inserted_primary_key or (None,)
                if rows:
                    connection.execute(insert(trials), [row | {"unit_id": unit_id} for row in rows])
                connection.execute(delete(trainings).where(trainings.c.search_id == search_id))
                self._change(connection, search_id, {"heartbeat_at": now})
        except IntegrityError as error:
            what = f"unit {unit.index} of the phase {unit.phase}, or one of its trials,"
            raise AlreadySaved(f"{what} is kept already") from error

    def save_training(self, search_id: int, key: str, result: Document, owner: str) -> None:
        """Keep one training of a unit that is not finished yet; one that is kept already stays.

        Args:
            search_id: The search.
            key: What names the training.
            result: What came of it, as JSON holds it.
            owner: Who runs the search.

        Raises:
            ClaimLost: Another owner holds the search by now.
        """
        try:
            with self._locked(search_id) as (connection, row):
                if row.owner != owner:
                    raise _claim_lost(row)
                connection.execute(
                    insert(trainings).values(search_id=search_id, key=key, result=dict(result))
                )
        except IntegrityError:  # the same training, or a commit whose answer was lost
            return

    def trainings(self, search_id: int) -> dict[str, Document]:
        """Read the trainings since the last unit of a search, by key.

        Args:
            search_id: The search.

        Raises:
            UserError: One cannot be read.
        """
        query = select(trainings.c.key, trainings.c.result).where(trainings.c.search_id == search_id)
        with reading(self._engine) as connection:
            try:
                return {row.key: row.result for row in connection.execute(query)}
            except UNREADABLE as error:
                raise _cannot_go_on(error) from None

    def unit(self, search_id: int, phase: str, index: int) -> Unit | None:
        """Read one unit with its trials, or None while it is not finished.

        Args:
            search_id: The search.
            phase: Its phase.
            index: Its place within the phase, from 0.
        """
        place = (units.c.phase == phase) & (units.c.place == index)
        found = self._units(select(units).where(units.c.search_id == search_id, place))
        return found[0] if found else None

    def units(self, search_id: int) -> list[Unit]:
        """Read every unit with its trials, in the order in which they were kept.

        Args:
            search_id: The search.
        """
        return self._units(select(units).where(units.c.search_id == search_id))

    def payload(self, search_id: int, phase: str, index: int) -> Document | None:
        """Read what came of one unit beside its trials, or None while it is not finished.

        Args:
            search_id: The search.
            phase: The unit's phase.
            index: The unit's place within the phase, from 0.

        Raises:
            Damaged: The database's driver cannot read it.
        """
        place = (units.c.search_id == search_id) & (units.c.phase == phase) & (units.c.place == index)
        with reading(self._engine) as connection:
            try:
                found: Document | None = connection.scalar(select(units.c.payload).where(place))
            except UNREADABLE as error:
                raise Damaged(f"what {phase} {index} found cannot be read: {told(error)}") from None
            return found

    def trials(self, search_id: int) -> list[Trial]:
        """Read every trial that can be read, by number; `damaged_trials` names the others.

        Args:
            search_id: The search.
        """
        return self._readable(search_id)[0]

    def damaged_trials(self, search_id: int) -> list[str]:
        """Say what is wrong with the trials that cannot be read, a line each.

        Args:
            search_id: The search.
        """
        return self._readable(search_id)[1]

    def _readable(self, search_id: int) -> tuple[list[Trial], list[str]]:
        """The trials that can be read, and what is wrong with the others."""
        query = select(trials).where(trials.c.search_id == search_id).order_by(trials.c.number)
        with reading(self._engine) as connection:
            try:
                return [trial_of(row) for row in connection.execute(query)], []
            except UNREADABLE:
                pass
            found, damaged = list[Trial](), list[str]()
            mine = trials.c.search_id == search_id
            for number in connection.scalars(select(trials.c.number).where(mine)).all():
                try:
                    row = connection.execute(query.where(trials.c.number == number)).one()
                    found.append(trial_of(row))
                except UNREADABLE as error:
                    what = "" if isinstance(error, Damaged) else f"trial {number} cannot be read: "
                    damaged.append(f"{what}{told(error)}")
        return found, damaged

    def counts(self, search_id: int) -> dict[State, int]:
        """Count the trials in each state; a state without any has 0.

        Args:
            search_id: The search.
        """
        query = select(trials.c.state, func.count().label("trials")).where(trials.c.search_id == search_id)
        with reading(self._engine) as connection:
            found = {row.state: row.trials for row in connection.execute(query.group_by(trials.c.state))}
        return {state: found.get(state, 0) for state in get_args(State)}

    # What MLflow has not seen

    def untracked(self, search_id: int, limit: int) -> list[StoredTrial]:
        """Read the next trials that MLflow has not seen, in the order in which they were kept.

        Args:
            search_id: The search.
            limit: How many, at most.
        """
        query = (
            select(trials, units.c.saved_at, units.c.seconds)
            .join(units, trials.c.unit_id == units.c.id)
            .where(trials.c.search_id == search_id, trials.c.run_id.is_(None))
            .order_by(trials.c.unit_id, trials.c.position)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [stored_trial(row) for row in connection.execute(query)]

    def count_untracked(self, search_id: int) -> int:
        """Count the trials that MLflow has not seen.

        Args:
            search_id: The search.
        """
        waiting = (trials.c.search_id == search_id) & trials.c.run_id.is_(None)
        with reading(self._engine) as connection:
            return connection.scalar(select(func.count()).select_from(trials).where(waiting)) or 0

    def mark_tracked(self, search_id: int, run_ids: Mapping[int, str]) -> None:
        """Note which run of MLflow shows each trial.

        Args:
            search_id: The search.
            run_ids: The ids of the runs, by the trials' numbers.
        """
        if not run_ids:
            return
        one = (trials.c.search_id == search_id) & (trials.c.number == bindparam("of"))
        with writing(self._engine) as connection:
            rows = [{"of": number, "run": run_id} for number, run_id in run_ids.items()]
            connection.execute(update(trials).where(one).values(run_id=bindparam("run")), rows)

    def set_run(self, search_id: int, experiment_id: str, run_id: str) -> None:
        """Note the parent run of a search; where it replaces another, no trial counts as tracked any more.

        Args:
            search_id: The search.
            experiment_id: MLflow's experiment.
            run_id: The parent run.
        """
        with self._locked(search_id) as (connection, row):
            if row.run_id not in (None, run_id):
                connection.execute(update(trials).where(trials.c.search_id == search_id).values(run_id=None))
            self._change(connection, search_id, {"experiment_id": experiment_id, "run_id": run_id})

    # Within a transaction

    @contextmanager
    def _locked(self, search_id: int) -> Iterator[tuple[Connection, Row[Any]]]:
        """A transaction that nobody else changes the search in, and the search's row."""
        with writing(self._engine) as connection:
            query = select(searches).where(searches.c.id == search_id).with_for_update()
            row = connection.execute(query).one_or_none()
            if row is None:
                raise UserError(
                    f"unknown search number {search_id}: lossmith list shows what the store holds"
                )
            yield connection, row

    def _change(self, connection: Connection, search_id: int, values: Mapping[str, object]) -> None:
        connection.execute(
            update(searches).where(searches.c.id == search_id).values(**values, updated_at=_now(connection))
        )

    @staticmethod
    def _damaged_columns(connection: Connection, name: str) -> str:
        """The columns of a search that the database's driver cannot read, with what it says of the first."""
        found = []
        for column in searches.c:
            try:
                connection.scalar(select(column).where(searches.c.name == name))
            except UNREADABLE as error:
                found.append((column.name, told(error)))
        return f"{', '.join(column for column, _ in found)}: {found[0][1]}" if found else ""

    def _units(self, chosen: Select[Any]) -> list[Unit]:
        try:
            return self._read_units(chosen)
        except UNREADABLE as error:
            raise _cannot_go_on(error) from None

    def _read_units(self, chosen: Select[Any]) -> list[Unit]:
        with reading(self._engine) as connection:
            found = connection.execute(chosen.order_by(units.c.id)).all()
            members: dict[int, list[Trial]] = {row.id: [] for row in found}
            inside = trials.c.unit_id.in_(chosen.with_only_columns(units.c.id))
            for row in connection.execute(select(trials).where(inside).order_by(trials.c.position)):
                if row.unit_id in members:  # a unit kept between the two queries is not among them
                    members[row.unit_id].append(trial_of(row))
        return [unit_of(row, tuple(members[row.id])) for row in found]


def _now(connection: Connection) -> datetime:
    """The time by the database's clock, which is one for everybody; SQLite's is that of its machine."""
    if connection.dialect.name == "postgresql":
        moment: datetime = connection.scalars(select(func.clock_timestamp())).one()
        return moment.astimezone(UTC)
    return datetime.now(UTC)


def _cannot_go_on(error: Exception) -> UserError:
    return UserError(
        f"what the store holds of this search is damaged ({told(error)}), so it cannot go on: restore it "
        "from a backup, or start a new search"
    )


def _claim_lost(row: Row[Any]) -> ClaimLost:
    holder = owners.describe(row.owner) if row.owner else "nobody"
    return ClaimLost(f"search {row.name!r} is {row.status} and owned by {holder}, so this result is not kept")
