"""Trials delivered through MLflow's public interface, three requests each: for servers, and any version.

A run cannot be had for fewer: one makes it with its tags, one holds all its parameters and metrics, one says
how it ended. So what is left is to have several under way at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from .documents import TRIAL_TAG, RunDocument
from .log_filters import THREAD_PREFIX

_Item = TypeVar("_Item")
_METRICS, _PARAMS = 800, 100  # a request may hold 1000 entities, of which 100 parameters
WRITERS = 8  # runs that are written at a time; MLflow's client keeps ten connections open


class ClientDelivery:
    """Writes each run by itself. A run is finished when its status is set, which is the last request.

    Args:
        client: Of the MLflow that runs are written into.
        experiment_id: The experiment that holds them.
        writers: How many runs are under way at a time, each in one thread alone: two requests for one run may
            lock each other out in the server's database.
    """

    page = 64  # finding what a crash left costs one request each

    def __init__(self, client: MlflowClient, experiment_id: str, writers: int = 1) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._writers = writers

    def find(self, labels: Sequence[str]) -> Mapping[str, str]:
        """Search once for each label: MLflow's filters know no list of tag values."""
        with self._pool() as pool:
            found = zip(labels, pool.map(self._found, labels), strict=True)
            return {label: run_id for label, run_id in found if run_id is not None}

    def _found(self, label: str) -> str | None:
        """The finished run of a label; what was left half-written, or is there twice, is deleted."""
        found: str | None = None
        for run in self._client.search_runs([self._experiment_id], f"tags.`{TRIAL_TAG}` = '{label}'"):
            if run.info.status == "RUNNING" or found is not None:
                self._client.delete_run(run.info.run_id)
            else:
                found = run.info.run_id
        return found

    def deliver(self, runs: Sequence[RunDocument]) -> Mapping[int, str]:
        """Write all runs; when one fails the others under way are finished, and no more are begun."""
        with self._pool() as pool:
            try:
                return dict(zip([run.number for run in runs], pool.map(self._write, runs), strict=True))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._writers, thread_name_prefix=f"{THREAD_PREFIX}-writer")

    def _write(self, run: RunDocument) -> str:
        made = self._client.create_run(self._experiment_id, run.started_ms, dict(run.tags), run.name)
        run_id: str = made.info.run_id
        metrics = [Metric(point.key, point.value, run.ended_ms, point.step) for point in run.metrics]
        params = [Param(key, value) for key, value in run.params.items()]
        for some, others in zip_longest(_chunks(metrics, _METRICS), _chunks(params, _PARAMS), fillvalue=()):
            self._client.log_batch(run_id, metrics=some, params=others)
        self._client.set_terminated(run_id, run.status, run.ended_ms)
        return run_id


def _chunks(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
