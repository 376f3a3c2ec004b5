"""Trials delivered into MLflow's own tables, a page in one transaction: for databases that can be reached.

The tables are internal to MLflow, so this serves only the versions it was compared with: the contract tests
hold what it writes against what MLflow's client writes. To add a version, name it in `SERIES` and run them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import mlflow
from mlflow.store.tracking.dbmodels.models import (
    SqlExperiment,
    SqlLatestMetric,
    SqlMetric,
    SqlParam,
    SqlRun,
    SqlTag,
)
from mlflow.utils.uri import append_to_uri_path
from sqlalchemy import Connection, create_engine, insert, select, update
from sqlalchemy.engine import make_url

from .documents import PARENT_TAG, TRIAL_TAG, Point, RunDocument

SERIES = ("3.17",)
_BACKENDS = ("sqlite", "postgresql")
_SOME_RUN = "0" * 32
Row = Mapping[str, object]  # of a table, by its columns
_BUSY_TIMEOUT_S = 20  # as MLflow's own; the UI may be reading


def serves(tracking_uri: str) -> bool:
    """Whether this file was written against a database of this kind and the MLflow that is installed.

    Args:
        tracking_uri: The address of an MLflow.
    """
    backend = tracking_uri.partition(":")[0].partition("+")[0]
    return backend in _BACKENDS and ".".join(mlflow.__version__.split(".")[:2]) in SERIES


class TableDelivery:
    """Writes pages of runs. A run's id follows from its trial, so the database refuses a second one.

    Args:
        tracking_uri: The database's URL.
        experiment_id: The experiment that runs are written into.
    """

    page = 256

    def __init__(self, tracking_uri: str, experiment_id: str) -> None:
        url = make_url(tracking_uri)
        waits = {"timeout": _BUSY_TIMEOUT_S} if url.get_backend_name() == "sqlite" else {}
        self._engine = create_engine(url, connect_args=waits, hide_parameters=True)
        self._experiment_id = int(experiment_id)
        self._compiled: dict[tuple[Any, tuple[str, ...]], Any] = {}
        with self._engine.connect() as connection:
            query: Any = select(SqlExperiment.artifact_location).where(
                SqlExperiment.experiment_id == self._experiment_id
            )
            location: str = connection.execute(query).scalar_one()
        self._artifacts: str = append_to_uri_path(location, _SOME_RUN, "artifacts")  # type: ignore[no-untyped-call]

    def find(self, labels: Sequence[str]) -> Mapping[str, str]:
        """Find runs by one query.

        A run that a user has deleted counts as found: it was delivered, and is not wanted.
        """
        query: Any = (
            select(SqlTag.value, SqlRun.run_uuid, SqlRun.status, SqlRun.lifecycle_stage)
            .join(SqlRun, SqlRun.run_uuid == SqlTag.run_uuid)
            .where(SqlTag.key == TRIAL_TAG, SqlTag.value.in_(labels))
        )
        found: dict[str, str] = {}
        with self._engine.begin() as connection:
            for label, run_id, status, stage in connection.execute(query).all():
                if status != "RUNNING":
                    found[label] = run_id
                elif stage == "active":  # left behind by a delivery through the client
                    gone = update(SqlRun).where(SqlRun.run_uuid == run_id).values(lifecycle_stage="deleted")
                    connection.execute(gone)
        return found

    def deliver(self, runs: Sequence[RunDocument]) -> Mapping[int, str]:
        """Write all runs, or none."""
        ids = {run.number: _run_id(run) for run in runs}
        rows: dict[Any, Sequence[Row]] = {
            SqlRun: [self._run(run, ids[run.number]) for run in runs],
            SqlTag: [
                {"run_uuid": ids[run.number], "key": key, "value": value}
                for run in runs
                for key, value in run.tags.items()
            ],
            SqlParam: [
                {"run_uuid": ids[run.number], "key": key, "value": value}
                for run in runs
                for key, value in run.params.items()
            ],
            SqlMetric: [_metric(run, p, ids[run.number]) for run in runs for p in run.metrics],
            SqlLatestMetric: [_metric(run, p, ids[run.number]) for run in runs for p in _latest(run)],
        }
        with self._engine.begin() as connection:
            for model, values in rows.items():
                if values:
                    self._insert(connection, model, values)
        return ids

    def _insert(self, connection: Connection, model: Any, rows: Sequence[Row]) -> None:
        """Rows that all have the same columns, given to the driver as they are.

        SQLAlchemy would look at each of a run's forty rows anew, which takes as long as to insert it.
        PostgreSQL takes many rows fastest by COPY, which refuses a key that is there as an insert does.
        """
        if self._engine.dialect.driver == "psycopg":
            self._copy(connection, model, rows)
            return
        key = (model, tuple(rows[0]))
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = insert(model).compile(dialect=self._engine.dialect, column_keys=list(rows[0]))
            self._compiled[key] = compiled
        if compiled.positional:
            inorder = itemgetter(*(compiled.positiontup or ()))
            connection.exec_driver_sql(str(compiled), [inorder(row) for row in rows])
        else:
            connection.exec_driver_sql(str(compiled), list(rows))

    @staticmethod
    def _copy(connection: Connection, model: Any, rows: Sequence[Row]) -> None:
        """The same through psycopg 3, in the transaction of the connection."""
        from psycopg import sql

        columns, inorder = sql.SQL(", ").join(map(sql.Identifier, rows[0])), itemgetter(*rows[0])
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(model.__tablename__), columns)
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(into) as copy:
            for row in rows:
                copy.write_row(inorder(row))

    def _run(self, run: RunDocument, run_id: str) -> Row:
        return {
            "run_uuid": run_id,
            "name": run.name,
            "source_type": "UNKNOWN",
            "source_name": "",
            "entry_point_name": "",
            "user_id": "unknown",
            "status": run.status,
            "start_time": run.started_ms,
            "end_time": run.ended_ms,
            "source_version": "",
            "lifecycle_stage": "active",
            "artifact_uri": self._artifacts.replace(_SOME_RUN, run_id),
            "experiment_id": self._experiment_id,
        }


def _run_id(run: RunDocument) -> str:
    """32 hexadecimal digits, as MLflow's own, that follow from the parent run and the trial's number.

    They rise with the number, for an index takes neighbours at half the cost of scattered keys.
    """
    return f"{hashlib.sha256(run.tags[PARENT_TAG].encode()).hexdigest()[:20]}{run.number:012x}"


def _metric(run: RunDocument, point: Point, run_id: str) -> Row:
    return {
        "run_uuid": run_id,
        "key": point.key,
        "value": point.value,
        "timestamp": run.ended_ms,
        "step": point.step,
        "is_nan": False,
    }


def _latest(run: RunDocument) -> Iterator[Point]:
    """The last step of every metric, which is what MLflow lists."""
    last: dict[str, Point] = {}
    for point in run.metrics:
        if point.key not in last or (point.step, point.value) > (last[point.key].step, last[point.key].value):
            last[point.key] = point
    return iter(last.values())
