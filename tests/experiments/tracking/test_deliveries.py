"""What every delivery promises, and that MLflow cannot tell one from the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from sqlalchemy import create_engine, text

from lossmith.experiments.store import SearchRecord, Store
from lossmith.experiments.tracking import table_delivery as by_tables
from lossmith.experiments.tracking.client_delivery import ClientDelivery
from lossmith.experiments.tracking.delivery import Delivery, delivery_for
from lossmith.experiments.tracking.documents import RunDocument, run_document
from lossmith.experiments.tracking.table_delivery import TableDelivery
from lossmith.search.records import Trial

Keep = Callable[[int], list[Trial]]


@pytest.fixture
def experiment_id(client: MlflowClient) -> str:
    """An experiment."""
    return str(client.create_experiment("lossmith", "file:///tmp/a%20b"))


@pytest.fixture(params=["client", "tables"])
def delivery(
    request: pytest.FixtureRequest, client: MlflowClient, tracking_uri: str, experiment_id: str
) -> Delivery:
    """Every way there is."""
    if request.param == "client":
        return ClientDelivery(client, experiment_id)
    return TableDelivery(tracking_uri, experiment_id)


@pytest.fixture
def runs(store: Store, search: SearchRecord, keep: Keep) -> list[RunDocument]:
    """Four runs: finished, finished, killed and failed."""
    keep(4)
    return [run_document(stored, search, "p" * 32) for stored in store.untracked(search.id, 4)]


def labels(runs: list[RunDocument]) -> list[str]:
    """The labels of some runs."""
    return [run.label for run in runs]


def active(client: MlflowClient, experiment_id: str) -> list[Run]:
    """Every run that was not deleted."""
    return list(client.search_runs([experiment_id]))


def half_written(client: MlflowClient, experiment_id: str, run: RunDocument) -> str:
    """What a client that was killed after its first request leaves."""
    return str(client.create_run(experiment_id, run.started_ms, dict(run.tags), run.name).info.run_id)


def test_a_delivered_run_reads_back_as_it_was_described(
    delivery: Delivery, client: MlflowClient, runs: list[RunDocument]
) -> None:
    """Name, status, times, parameters, tags and the last step of each metric are those of the document."""
    ids = delivery.deliver(runs)
    assert list(ids) == [run.number for run in runs]
    for run in runs:
        read = client.get_run(ids[run.number])
        assert (read.info.run_name, read.info.status) == (run.name, run.status)
        assert (read.info.start_time, read.info.end_time) == (run.started_ms, run.ended_ms)
        assert read.info.lifecycle_stage == "active"
        assert read.data.params == run.params
        assert read.data.tags == run.tags
        assert read.data.metrics == {point.key: point.value for point in run.metrics}


def test_every_step_of_a_metric_is_kept(
    delivery: Delivery, client: MlflowClient, runs: list[RunDocument]
) -> None:
    """MLflow can draw the repeats and the rungs, not their last values alone."""
    ids = delivery.deliver(runs)
    for run in runs:
        for key in {point.key for point in run.metrics}:
            history = client.get_metric_history(ids[run.number], key)
            read = {(m.step, m.value, m.timestamp) for m in history}
            assert read == {(p.step, p.value, run.ended_ms) for p in run.metrics if p.key == key}


def test_delivered_runs_are_found(delivery: Delivery, runs: list[RunDocument]) -> None:
    """After a crash between MLflow and the store, what was delivered is known by its label."""
    assert delivery.find(labels(runs)) == {}
    ids = delivery.deliver(runs[:2])
    assert delivery.find(labels(runs)) == {run.label: ids[run.number] for run in runs[:2]}


def test_half_written_runs_are_deleted(
    delivery: Delivery, client: MlflowClient, experiment_id: str, runs: list[RunDocument]
) -> None:
    """A run that a killed client left RUNNING goes, and its trial is delivered afresh: one run remains."""
    left = half_written(client, experiment_id, runs[0])
    assert delivery.find(labels(runs)) == {}
    assert client.get_run(left).info.lifecycle_stage == "deleted"
    ids = delivery.deliver(runs)
    assert sorted(run.info.run_id for run in active(client, experiment_id)) == sorted(ids.values())


def test_either_delivery_finds_what_the_other_delivered(
    client: MlflowClient, tracking_uri: str, experiment_id: str, runs: list[RunDocument]
) -> None:
    """A search may change its way to MLflow between two sessions, and still track each trial once."""
    ways: list[Delivery] = [ClientDelivery(client, experiment_id), TableDelivery(tracking_uri, experiment_id)]
    ids = {**ways[0].deliver(runs[:2]), **ways[1].deliver(runs[2:])}
    assert [way.find(labels(runs)) for way in ways] == [{run.label: ids[run.number] for run in runs}] * 2


def test_trials_of_other_searches_are_not_found(delivery: Delivery, runs: list[RunDocument]) -> None:
    """Trial 0 of one search is not taken for trial 0 of another."""
    delivery.deliver(runs)
    assert delivery.find(["another/0"]) == {}


def test_mlflow_cannot_tell_the_deliveries_apart(
    client: MlflowClient, tracking_uri: str, experiment_id: str, runs: list[RunDocument]
) -> None:
    """Every column of every table of MLflow holds the same after either way, but for the ids of the runs."""
    by_client = ClientDelivery(client, experiment_id).deliver(runs)
    kept = contents(tracking_uri, by_client)
    for run_id in by_client.values():
        client.delete_run(run_id)
    by_table = TableDelivery(tracking_uri, experiment_id).deliver(runs)
    assert contents(tracking_uri, by_table) == kept
    filled = {table for table, rows in kept.items() if rows}
    assert filled == {"runs", "tags", "params", "metrics", "latest_metrics"}


def contents(tracking_uri: str, ids: Mapping[int, str]) -> dict[str, list[str]]:
    """The rows of every table that mention one of the runs, with trial numbers in place of their ids."""
    engine = create_engine(tracking_uri)
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        names = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
        for name in names:
            rows = connection.execute(text(f"SELECT * FROM {name}")).mappings()  # noqa: S608  (MLflow's own names)
            found[name] = sorted(mention for row in rows for mention in mentions(row, ids))
    engine.dispose()
    return found


def mentions(row: Mapping[Any, Any], ids: Mapping[int, str]) -> list[str]:
    """A row as text, if it mentions one of the runs."""
    written = repr(sorted(row.items()))
    return [written.replace(run_id, f"<{number}>") for number, run_id in ids.items() if run_id in written]


def test_the_tables_refuse_a_run_that_is_there(
    client: MlflowClient, tracking_uri: str, experiment_id: str, runs: list[RunDocument]
) -> None:
    """Two processes that deliver the same trials cannot double them; a refused page leaves nothing."""
    tables = TableDelivery(tracking_uri, experiment_id)
    tables.deliver(runs[1:])
    with pytest.raises(Exception, match=r"UNIQUE constraint failed: runs\.run_uuid"):
        tables.deliver(runs)
    assert len(active(client, experiment_id)) == 3


def test_a_run_that_a_user_deleted_is_not_delivered_again(
    client: MlflowClient, tracking_uri: str, experiment_id: str, runs: list[RunDocument]
) -> None:
    """In MLflow's tables a deleted run counts as delivered, so that nothing comes back or gets stuck."""
    tables = TableDelivery(tracking_uri, experiment_id)
    ids = tables.deliver(runs)
    client.delete_run(ids[0])
    assert tables.find(labels(runs)) == {run.label: ids[run.number] for run in runs}
    assert len(client.search_runs([experiment_id], run_view_type=ViewType.ALL)) == 4


def test_the_tables_serve_the_installed_mlflow() -> None:
    """The fast way is taken with the version that the tests run with, for databases it can reach."""
    assert by_tables.serves("sqlite:////data/mlflow.db")
    assert by_tables.serves("postgresql+psycopg://u:p@h/mlflow")
    assert not by_tables.serves("http://localhost:5000")
    assert not by_tables.serves("mysql://u:p@h/mlflow")


def test_another_mlflow_gets_the_public_way(
    client: MlflowClient, tracking_uri: str, experiment_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables of a version that nobody compared are not written to."""
    assert isinstance(delivery_for(client, tracking_uri, experiment_id), TableDelivery)
    monkeypatch.setattr(mlflow, "__version__", "99.0.0")
    assert isinstance(delivery_for(client, tracking_uri, experiment_id), ClientDelivery)
