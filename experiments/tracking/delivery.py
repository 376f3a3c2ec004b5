"""How trials reach MLflow: one seam, and which of its implementations serves an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from .documents import RunDocument

if TYPE_CHECKING:
    from mlflow import MlflowClient


class Delivery(Protocol):
    """Writes child runs into one MLflow experiment.

    After a crash, what is uncertain is at most the `page` of runs that was under way.
    """

    page: int

    def find(self, labels: Sequence[str]) -> Mapping[str, str]:
        """The ids of the finished runs among those with these labels; runs left half-written are deleted."""

    def deliver(self, runs: Sequence[RunDocument]) -> Mapping[int, str]:
        """Write runs that are not there yet, and return their ids by trial number.

        When it raises, some of them may have been written.
        """


def delivery_for(client: MlflowClient, tracking_uri: str, experiment_id: str) -> Delivery:
    """Choose MLflow's own tables where they can be reached and are known, else its public interface.

    A server takes several runs at a time; a database that is reached without one gains nothing from that.

    Args:
        client: Of the MLflow.
        tracking_uri: Its address.
        experiment_id: The experiment that trials are written into.
    """
    from . import client_delivery as by_client
    from . import table_delivery as by_tables

    if by_tables.serves(tracking_uri):
        return by_tables.TableDelivery(tracking_uri, experiment_id)
    served = tracking_uri.startswith("http")
    return by_client.ClientDelivery(client, experiment_id, by_client.WRITERS if served else 1)
