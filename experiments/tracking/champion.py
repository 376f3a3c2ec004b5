"""The winner as a registered model of MLflow, which `mlflow.pytorch.load_model` reads without any pickle.

A model of MLflow is a folder with a description, `MLmodel`, beside the files of its flavours. The one of
PyTorch wants `data/model.pt2`, and that is the `loss.pt2` of an export, which is proven equal to the loss
already. So the folder is written here at once: `mlflow.pytorch` would take seconds to import and would
trace the loss again. tests/experiments/tracking/test_champion.py holds that MLflow loads it and that its own
`save_model` describes it alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ...losses import BoundLoss

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from torch import Tensor

ALIAS = "champion"
FOLDER = "champion"  # among the artifacts of the parent run
UID_TAG = "lossmith.search"  # on a registered model and its versions: whose they are
_MISSING, _EXISTS = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"


@dataclass(frozen=True)
class Champion:
    """A loss to register.

    Attributes:
        loss: The loss, bound to its data.
        pt2: Its exported program, a file.
        note: What is said of it, in Markdown.
        tags: For its version.
    """

    loss: BoundLoss
    pt2: Path
    note: str
    tags: Mapping[str, str]


def model_name(client: MlflowClient, search: str, uid: str) -> str:
    """Name the model of a search: as the search, unless somebody else's model has that name.

    Args:
        client: Of the MLflow that it is registered in.
        search: The name of the search.
        uid: The search's uid.
    """
    name = re.sub(r"[^\w.\- ]", "_", search)
    owner = _owner(client, name)
    return name if owner in (None, uid) else f"{name}-{uid[:8]}"


def write_model(champion: Champion, folder: Path) -> None:
    """Write the model as MLflow reads it.

    Args:
        champion: What to write.
        folder: A folder that is not there yet.
    """
    import mlflow
    import torch
    import yaml

    (folder / "data").mkdir(parents=True)
    program, inputs = torch.export.load(champion.pt2), _inputs(champion.loss)
    # An export has no example inputs, for they are pickled; MLflow's check wants plain tensors there.
    program.example_inputs = (tuple(each.example() for each in inputs), {})
    torch.export.save(program, folder / "data" / "model.pt2")
    described = {
        "flavors": {
            "pytorch": {"code": None, "model_data": "data", "pytorch_version": str(torch.__version__)}
        },
        "mlflow_version": mlflow.__version__,
        "model_size_bytes": champion.pt2.stat().st_size,
        "signature": {
            "inputs": json.dumps([each.to_json() for each in inputs]),
            "outputs": None,
            "params": None,
        },
        "utc_time_created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(described), encoding="utf-8")
    series = str(torch.__version__).partition("+")[0]
    (folder / "requirements.txt").write_text(f"mlflow\ntorch>={series}\n", encoding="utf-8")


def register(client: MlflowClient, run: Run, uid: str, name: str, champion: Champion) -> None:
    """Make the model and its version, unless a delivery before this one has, and give the version the alias.

    May be repeated after a crash at any point: a version carries the search's uid from the moment it exists.

    Args:
        client: Of the MLflow that it is registered in.
        run: The parent run, among whose artifacts the model's files are.
        uid: The search's uid.
        name: The model's name, as `model_name` gave it.
        champion: What is said of it.
    """
    from mlflow.exceptions import MlflowException

    if _owner(client, name) is None:
        try:
            client.create_registered_model(name, {UID_TAG: uid}, "A loss to train with, found by lossmith.")
        except MlflowException as error:
            if error.error_code != _EXISTS:
                raise
    mine = client.search_model_versions(f"name = '{name}' and tags.`{UID_TAG}` = '{uid}'")
    if mine:
        version = max(mine, key=lambda found: int(found.version))
    else:
        version = client.create_model_version(
            name,
            f"{run.info.artifact_uri}/{FOLDER}",
            run.info.run_id,
            tags={UID_TAG: uid, **champion.tags},
            description=champion.note,
        )
    client.set_registered_model_alias(name, ALIAS, version.version)


def _owner(client: MlflowClient, name: str) -> str | None:
    """The uid of the search that a model belongs to: "" for a model that is not ours, None where none is."""
    from mlflow.exceptions import MlflowException

    try:
        tags: Mapping[str, str] = client.get_registered_model(name).tags
    except MlflowException as error:
        if error.error_code == _MISSING:
            return None
        raise
    return tags.get(UID_TAG, "")


@dataclass(frozen=True)
class _Input:
    """A tensor that a loss takes, as MLflow describes it; -1 stands for a size that is open."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "type": "tensor",
            "tensor-spec": {"dtype": self.dtype, "shape": self.shape},
        }

    def example(self) -> Tensor:
        """Two samples of zeros."""
        import torch

        sizes = [2, *(4 if size < 0 else size for size in self.shape[1:])]
        return torch.zeros(sizes, dtype=getattr(torch, self.dtype))


def _inputs(loss: BoundLoss) -> list[_Input]:
    """The outputs and the targets that a loss takes."""
    columns = {
        "multiclass": [len(loss.class_counts) if loss.class_counts else -1],
        "multilabel": [len(loss.class_counts) if loss.class_counts else -1],
    }.get(loss.kind, [])
    targets = [] if loss.kind == "multiclass" else columns
    kind = "int64" if loss.kind == "multiclass" else "float32"
    return [_Input("outputs", "float32", (-1, *columns)), _Input("targets", kind, (-1, *targets))]
