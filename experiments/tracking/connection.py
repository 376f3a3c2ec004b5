"""A connection to MLflow for one search: its parent run, and the way its trials take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..store import SearchRecord
from .delivery import Delivery, delivery_for
from .documents import Conclusion
from .log_filters import set_environment, silence

if TYPE_CHECKING:
    from mlflow import MlflowClient


_DATABASES = ("sqlite:", "sqlite+", "postgresql:", "postgresql+", "mysql:", "mysql+", "mssql:", "mssql+")


class Connection(Protocol):
    """What a tracker needs of MLflow."""

    @property
    def experiment_id(self) -> str:
        """Of the experiment that holds all searches."""

    @property
    def run_id(self) -> str:
        """Of the parent run."""

    @property
    def delivery(self) -> Delivery:
        """How trials get there."""

    def conclude(self, conclusion: Conclusion) -> str | None:
        """Tell the parent run how the search ended; the name of the model that was registered, if one was."""


@dataclass(frozen=True)
class MlflowConnection:
    """The parent run of a search in an MLflow, and a delivery for the children.

    Attributes:
        client: Of that MLflow.
        search: The search.
        experiment_id: The experiment that holds all searches.
        run_id: The parent run.
        delivery: How trials get there.
    """

    client: MlflowClient
    search: SearchRecord
    experiment_id: str
    run_id: str
    delivery: Delivery

    def conclude(self, conclusion: Conclusion) -> str | None:
        """Log verdict and artifacts, register the winner, and set the status."""
        from .parent import conclude

        return conclude(self.client, self.run_id, self.search, conclusion)


def connect(tracking_uri: str, search: SearchRecord, artifacts: Path | None) -> MlflowConnection:
    """Import MLflow, make its database if that is a SQLite file, and find or make the parent run.

    Takes seconds the first time, so it belongs in the tracker's thread.

    Args:
        tracking_uri: The address of a server or of a database.
        search: The search.
        artifacts: Where files go if the address is a database: a server has a place of its own.
    """
    set_environment()
    from mlflow import MlflowClient

    silence()
    from .database import make_database
    from .parent import open_parent

    make_database(tracking_uri)
    client = MlflowClient(tracking_uri)
    is_database = tracking_uri.startswith(_DATABASES)
    location = artifacts.absolute().as_uri() if artifacts is not None and is_database else None
    run = open_parent(client, search, location)
    experiment_id = str(run.info.experiment_id)
    delivery = delivery_for(client, tracking_uri, experiment_id)
    return MlflowConnection(client, search, experiment_id, run.info.run_id, delivery)
