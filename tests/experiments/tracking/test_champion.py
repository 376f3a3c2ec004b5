"""The winner as a registered model."""

from __future__ import annotations

import shutil
import subprocess
import sys
from atexit import register
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import torch
import yaml
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from lossmith.experiments.results.export import export_loss
from lossmith.experiments.store import SearchRecord, Store
from lossmith.experiments.tracking import Champion, Tracker
from lossmith.experiments.tracking.champion import FOLDER, model_name, write_model
from lossmith.losses import BoundLoss, freeze, standard_spec

from ..conftest import made_verdict

pytestmark = pytest.mark.end_to_end

BOUND = {
    "multiclass": standard_spec("logit_adjustment", "multiclass").bind((90, 30, 5)),
    "binary": standard_spec("weighted_bce", "binary").bind((90, 10)),
    "multilabel": standard_spec("weighted_bce", "multilabel").bind(((90, 10), (50, 50))),
    "regression": standard_spec("huber", "regression").bind(None, 2.0),
}


def champion_of(spec: BoundLoss, folder: Path) -> Champion:
    """A champion with an export of its own."""
    export_loss(spec, folder / "loss")
    return Champion(spec, folder / "loss" / "loss.pt2", "Better: by a point.", {"lossmith.better": "true"})


@cache
def exported() -> Path:
    """The folder of an export that every search of these tests gives, traced once."""
    folder = Path(mkdtemp(prefix="lossmith-champion-"))
    register(shutil.rmtree, folder)
    champion_of(BOUND["multiclass"], folder)
    return folder


def present(folder: Path, model: str) -> Champion:
    """What a search gives to MLflow, as small as it can be."""
    (folder / "report.html").write_text(f"<p>{model}</p>")
    shutil.copytree(exported() / "loss", folder / "loss", dirs_exist_ok=True)
    return Champion(
        BOUND["multiclass"], folder / "loss" / "loss.pt2", "Better: by a point.", {"lossmith.better": "true"}
    )


def versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Every version of a model."""
    return list(client.search_model_versions(f"name = '{name}'"))


def deliver(store: Store, name: str, uri: str, artifacts: Path, make: Any = present) -> str | None:
    """Conclude a search in MLflow; what stood in the way, if something did."""
    with Tracker(store, store.get(name), uri, artifacts=artifacts, retry_s=0.0) as tracker:
        tracker.finish(made_verdict(), present=make)
        tracker.flush(timeout_s=30)
        return tracker.problem


LOAD = """
import os, sys
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
import mlflow, torch
mlflow.set_tracking_uri(sys.argv[1])
loss = mlflow.pytorch.load_model(sys.argv[2])
torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(37, 4), torch.randint(3, (37,))
values = []
for _ in range(20):
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    values.append(float(value.detach()))
assert values[-1] < values[0], values
assert not [name for name in sys.modules if name.startswith("lossmith")]
print(values[0])
"""


def test_the_champion_trains_without_pickle_and_without_lossmith(
    tracking_uri: str, store: Store, search: SearchRecord, tmp_path: Path
) -> None:
    """`models:/NAME@champion` loads where pickle is refused, and a training loop with it learns."""
    assert deliver(store, search.name, tracking_uri, tmp_path / "artifacts") is None
    done = subprocess.run(
        [sys.executable, "-c", LOAD, tracking_uri, f"models:/{search.name}@champion"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 3)
    x, y = torch.randn(37, 4), torch.randint(3, (37,))
    # The same operations in another process; the bound allows for another order of summation in float32.
    assert float(done.stdout) == pytest.approx(float(freeze(BOUND["multiclass"])(model(x), y)), rel=1e-5)


@pytest.mark.parametrize("kind", BOUND)
def test_every_kind_of_loss_is_loaded_by_mlflow(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the kind, MLflow loads the folder without pickle: same value, same gradient, any batch."""
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    spec = BOUND[kind]
    write_model(champion_of(spec, tmp_path), tmp_path / FOLDER)
    loaded = mlflow.pytorch.load_model(str(tmp_path / FOLDER))
    for size in (1, 5):
        shape = {"multiclass": (size, 3), "multilabel": (size, 2)}.get(kind, (size,))
        outputs = torch.randn(shape, requires_grad=True)
        targets = torch.randint(2, shape).float() if kind != "multiclass" else torch.randint(3, (size,))
        one, two = loaded(outputs, targets), freeze(spec)(outputs, targets)
        assert torch.allclose(one, two, atol=1e-6)  # the same operations in float32
        (own,), (other,) = torch.autograd.grad(one, outputs), torch.autograd.grad(two, outputs)
        assert torch.allclose(own, other, atol=1e-6)


def test_the_folder_is_described_as_mlflow_describes_it(tmp_path: Path) -> None:
    """What MLflow's own `save_model` writes into `MLmodel` is written here too, apart from ids and times."""
    import mlflow
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    spec = BOUND["multiclass"]
    write_model(champion_of(spec, tmp_path), tmp_path / "ours")
    inputs = Schema(
        [
            TensorSpec(np.dtype("float32"), (-1, 3), "outputs"),
            TensorSpec(np.dtype("int64"), (-1,), "targets"),
        ]
    )
    mlflow.pytorch.save_model(
        freeze(spec),
        tmp_path / "theirs",
        serialization_format="pt2",
        input_example=(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long)),
        signature=ModelSignature(inputs),
        pip_requirements=["torch"],
    )
    ours, theirs = (yaml.safe_load((tmp_path / who / "MLmodel").read_text()) for who in ("ours", "theirs"))
    assert ours["flavors"] == theirs["flavors"]
    assert yaml.safe_load(ours["signature"]["inputs"]) == yaml.safe_load(theirs["signature"]["inputs"])
    assert ours.keys() <= theirs.keys()
    assert (tmp_path / "theirs" / "data" / "model.pt2").is_file()


def test_the_parent_run_shows_what_was_found(
    tracking_uri: str, client: MlflowClient, store: Store, search: SearchRecord, tmp_path: Path
) -> None:
    """Report and loss are artifacts, the description names the verdict, and the model is told and noted."""
    assert deliver(store, search.name, tracking_uri, tmp_path / "artifacts") is None
    record = store.get(search.name)
    run = client.get_run(record.run_id or "")
    assert run.info.status == "FINISHED"
    assert run.data.tags["lossmith.model"] == f"models:/{search.name}@champion"
    assert run.data.tags["mlflow.note.content"] == "Better: by a point."
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        "champion",
        "loss",
        "report.html",
    }
    assert record.notes.model == search.name
    (version,) = versions(client, search.name)
    assert (version.description, version.run_id) == ("Better: by a point.", run.info.run_id)
    assert version.tags["lossmith.better"] == "true"


def test_a_conclusion_that_is_repeated_registers_once(
    tracking_uri: str, client: MlflowClient, store: Store, search: SearchRecord, tmp_path: Path
) -> None:
    """A resume of a finished search, or a retry, leaves one version with the alias."""
    for _ in range(2):
        assert deliver(store, search.name, tracking_uri, tmp_path / "artifacts") is None
    (version,) = versions(client, search.name)
    assert client.get_model_version_by_alias(search.name, "champion").version == version.version


@pytest.mark.parametrize(
    "step",
    ["create_registered_model", "create_model_version", "set_registered_model_alias", "set_terminated"],
)
@pytest.mark.parametrize("after", [False, True])
def test_a_fault_anywhere_is_made_good(  # noqa: PLR0913, PLR0917  (fixtures)
    step: str,
    after: bool,  # noqa: FBT001
    tracking_uri: str,
    client: MlflowClient,
    store: Store,
    search: SearchRecord,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether MLflow fails before a step or is cut off right after it, one version comes of it."""
    real, calls = getattr(MlflowClient, step), iter([True])

    def faulty(*arguments: Any, **keywords: Any) -> Any:
        fault = next(calls, False)
        if fault and not after:
            raise ConnectionError("cut off")
        done = real(*arguments, **keywords)
        if fault:
            raise ConnectionError("cut off")
        return done

    monkeypatch.setattr(MlflowClient, step, faulty)
    assert deliver(store, search.name, tracking_uri, tmp_path / "artifacts") is None
    assert next(calls, None) is None, "the fault was never met"
    (version,) = versions(client, search.name)
    assert client.get_model_version_by_alias(search.name, "champion").version == version.version
    assert client.get_run(store.get(search.name).run_id or "").info.status == "FINISHED"


def test_nobody_elses_model_is_touched(
    tracking_uri: str, client: MlflowClient, store: Store, search: SearchRecord, tmp_path: Path
) -> None:
    """A model of that name which is not of this search keeps its versions and its champion."""
    client.create_registered_model(search.name)
    theirs = client.create_model_version(search.name, "somewhere")
    client.set_registered_model_alias(search.name, "champion", theirs.version)
    assert deliver(store, search.name, tracking_uri, tmp_path / "artifacts") is None
    assert len(versions(client, search.name)) == 1
    name = store.get(search.name).notes.model
    assert name == f"{search.name}-{search.uid[:8]}"
    assert len(versions(client, name)) == 1


def test_a_name_that_mlflow_would_refuse_is_changed(client: MlflowClient) -> None:
    """Slashes and colons mean something in the address of a model."""
    assert model_name(client, "mine/1: a", "uid") == "mine_1_ a"


def test_a_report_that_cannot_be_made_does_not_hold_the_search_up(
    tracking_uri: str, client: MlflowClient, store: Store, search: SearchRecord, tmp_path: Path
) -> None:
    """A fault of our own is told in a tag; the run still ends, at once."""

    def broken(_folder: Path, _model: str) -> Champion | None:
        raise ZeroDivisionError("a fault\nof two lines")

    assert deliver(store, search.name, tracking_uri, tmp_path / "artifacts", broken) is None
    run = client.get_run(store.get(search.name).run_id or "")
    assert run.info.status == "FINISHED"
    assert run.data.tags["lossmith.problem"] == "ZeroDivisionError: a fault of two lines"
