"""The parent run: one for each search, in the experiment "lossmith"."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from ...losses.errors import one_line
from ..store import SearchRecord
from .champion import ALIAS, FOLDER, model_name, register, write_model
from .documents import (
    NAME_TAG,
    NOTE_TAG,
    SEARCH_TAG,
    Conclusion,
    Present,
    search_params,
    search_tags,
    verdict_document,
)
from .trials_view import view_tag

EXPERIMENT = "lossmith"
MODEL_TAG = "lossmith.model"  # on the parent run: the address of the registered winner
PROBLEM_TAG = "lossmith.problem"  # on the parent run: why there is no report
KIND = {"mlflow.experimentKind": "custom_model_development"}  # the pages for training, not those for prompts
_STATUS = {"finished": "FINISHED", "failed": "FAILED", "running": "RUNNING"}  # any other was ended: KILLED
_MISSING, _EXISTS = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"
_PARAMS = 100  # as many as a request may hold


def open_parent(client: MlflowClient, search: SearchRecord, artifact_location: str | None) -> Run:
    """Find the parent run of a search, by what the store or its tag says, or make it; it is running then.

    Args:
        client: Of the MLflow.
        search: The search.
        artifact_location: Where a new experiment keeps its files; None leaves that to a server.
    """
    run = _known(client, search)
    if run is None:
        experiment_id = _experiment_id(client, artifact_location)
        found = client.search_runs([experiment_id], f"tags.`{SEARCH_TAG}` = '{search.uid}'", max_results=1)
        run = found[0] if found else _made(client, experiment_id, search)
    params = list(search_params(search).items())
    for start in range(0, len(params), _PARAMS):  # again after a crash: the same values are welcome twice
        _log_params(client, run.info.run_id, dict(params[start : start + _PARAMS]))
    client.set_experiment_tag(run.info.experiment_id, *view_tag(search, run.info.run_id))
    if run.info.status != "RUNNING":
        client.update_run(run.info.run_id, status="RUNNING")
    return run


def conclude(client: MlflowClient, run_id: str, search: SearchRecord, conclusion: Conclusion) -> str | None:
    """Log the verdict and the artifacts, register the winner, and set the status. May be repeated.

    Args:
        client: Of the MLflow.
        run_id: The parent run.
        search: The search.
        conclusion: How it ended.

    Returns:
        The name of the registered model, if there is one.
    """
    now_ms = round(time.time() * 1000)
    verdict = conclusion.verdict
    numbers, words = ({}, {}) if verdict is None else verdict_document(verdict)
    client.log_batch(
        run_id,
        metrics=[Metric(key, value, now_ms, 0) for key, value in numbers.items()],
        tags=[RunTag(key, value) for key, value in words.items()],
    )
    if conclusion.artifacts is not None:
        client.log_artifacts(run_id, str(conclusion.artifacts))
    model = None
    if conclusion.present is not None:
        model = _present(client, run_id, search, conclusion.present)
    client.set_terminated(run_id, _STATUS.get(conclusion.status, "KILLED"), now_ms)
    return model


def _present(client: MlflowClient, run_id: str, search: SearchRecord, present: Present) -> str | None:
    name = model_name(client, search.name, search.uid)
    with TemporaryDirectory(prefix="lossmith-") as made:
        try:
            champion = present(Path(made), name)
            if champion is not None:
                write_model(champion, Path(made) / FOLDER)
        except Exception as error:  # noqa: BLE001  (made here, not by MLflow: trying again would not help)
            client.set_tag(run_id, PROBLEM_TAG, one_line(f"{type(error).__name__}: {error}", 500))
            return None
        client.log_artifacts(run_id, made)
    if champion is None:
        return None
    register(client, client.get_run(run_id), search.uid, name, champion)
    client.set_tag(run_id, MODEL_TAG, f"models:/{name}@{ALIAS}")
    client.set_tag(run_id, NOTE_TAG, champion.note)
    return name


def _known(client: MlflowClient, search: SearchRecord) -> Run | None:
    if search.run_id is None:
        return None
    try:
        run = client.get_run(search.run_id)
    except MlflowException as error:
        if error.error_code == _MISSING:  # another MLflow than last time
            return None
        raise
    return run if run.info.lifecycle_stage == "active" else None


def _made(client: MlflowClient, experiment_id: str, search: SearchRecord) -> Run:
    tags = search_tags(search)
    started_ms = round(search.created_at.timestamp() * 1000)
    return client.create_run(experiment_id, started_ms, tags, tags[NAME_TAG])


def _log_params(client: MlflowClient, run_id: str, params: Mapping[str, str]) -> None:
    client.log_batch(run_id, params=[Param(key, value) for key, value in params.items()])


def _experiment_id(client: MlflowClient, artifact_location: str | None) -> str:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        try:
            return str(client.create_experiment(EXPERIMENT, artifact_location, KIND))
        except MlflowException as error:
            if error.error_code != _EXISTS:
                raise
        experiment = client.get_experiment_by_name(EXPERIMENT)  # another search was faster
    if experiment is None or experiment.lifecycle_stage != "active":
        raise RuntimeError(
            f"MLflow's experiment {EXPERIMENT!r} was deleted; restore it there, or name another MLflow with "
            "MLFLOW_TRACKING_URI"
        )
    for key, value in KIND.items():
        if key not in experiment.tags:  # made by an older lossmith, or by hand
            client.set_experiment_tag(experiment.experiment_id, key, value)
    return str(experiment.experiment_id)
