"""MLflow's page of a search's trials: metric, loss and learning rate as columns, the best first.

MLflow shows the view that a tag of the experiment describes to whoever opens an address with the tag's key;
its own button "Share" makes such tags. Without one the page shows run name, date, dataset and duration.
"""

from __future__ import annotations

import json

from ..store import SearchRecord
from .documents import PARENT_TAG, metric_key

VIEW_TAG = "mlflow.sharedViewState."


def view_tag(search: SearchRecord, run_id: str) -> tuple[str, str]:
    """The tag of the experiment, key and value, that describes the view of a search's trials.

    Args:
        search: The search.
        run_id: Its parent run, whose child runs are shown.
    """
    metric = f"metrics.`{metric_key(search)}`"
    view = {
        "searchFilter": f"tags.{PARENT_TAG} = '{run_id}'",
        "orderByKey": metric,
        "orderByAsc": not search.task.get("greater_is_better", True),
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "selectedColumns": [metric, "params.`recipe.learning_rate`", "tags.`lossmith.loss`"],
    }
    return f"{VIEW_TAG}{_key(search)}", json.dumps(view)


def trials_address(base: str, search: SearchRecord) -> str | None:
    """The address of that view under MLflow's own; None for a search that MLflow does not hold yet.

    Args:
        base: The address of MLflow.
        search: The search whose trials are shown.
    """
    if search.experiment_id is None or search.run_id is None:
        return None
    # MLflow opens in its pages for prompts and agents unless the address says otherwise.
    query = f"workflowType=machine_learning&viewStateShareKey={_key(search)}"
    return f"{base.rstrip('/')}/#/experiments/{search.experiment_id}/runs?{query}"


def _key(search: SearchRecord) -> str:
    return f"lossmith-{search.uid}"
