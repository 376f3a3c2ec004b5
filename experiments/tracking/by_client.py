"""Trials delivered through MLflow's public interface, three requests each: for servers, and any version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from .documents import TRIAL_TAG, RunDocument

_Item = TypeVar("_Item")
_METRICS, _PARAMS = 800, 100  # a request may hold 1000 entities, of which 100 parameters


class ClientDelivery:
    """Writes each run by itself. A run is finished when its status is set, which is the last request."""

    page = 16  # finding what a crash left costs one request each

    def __init__(self, client: MlflowClient, experiment_id: str) -> None:
        self._client = client
        self._experiment_id = experiment_id

    def find(self, labels: Sequence[str]) -> Mapping[str, str]:
        """One search a label: MLflow's filters know no list of tag values."""
        found: dict[str, str] = {}
        for label in labels:
            for run in self._client.search_runs([self._experiment_id], f"tags.`{TRIAL_TAG}` = '{label}'"):
                if run.info.status == "RUNNING" or label in found:
                    self._client.delete_run(run.info.run_id)
                else:
                    found[label] = run.info.run_id
        return found

    def deliver(self, runs: Sequence[RunDocument]) -> Mapping[int, str]:
        """One after another, in their order."""
        return {run.number: self._write(run) for run in runs}

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
