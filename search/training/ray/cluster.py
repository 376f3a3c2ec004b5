"""The Ray cluster that this process is part of: how it joins, what fits there, what travels to workers."""

from __future__ import annotations

import logging
import os

from ....losses.custom.user_code import user_modules
from ....losses.errors import UserError, one_line
from .resources import Resources


def connect() -> bool:
    """Join the cluster that RAY_ADDRESS names, or start Ray here; False where this process had joined before.

    Raises:
        UserError: The cluster cannot be joined.
    """
    import ray

    from . import tune_workers  # noqa: F401  (Tune reads its settings when it is imported first)

    if ray.is_initialized():
        return False
    alone = not os.environ.get("RAY_ADDRESS")
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False if alone else None)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"cannot join the Ray cluster: {one_line(error, 300)}; check RAY_ADDRESS") from None
    return True


def check_fits(resources: Resources) -> None:
    """Raise `UserError` where no node of the cluster could ever hold a worker with `resources`."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for name, key in (("CPU", "cpus"), ("GPU", "gpus")):
        most = max((node.get(name, 0.0) for node in nodes), default=0.0)
        need = resources.for_ray().get(name, 0.0)
        if need > most:
            raise UserError(
                f"resources: {key} must be at most {most:g}, the most that a node of this cluster has, "
                f"but got {need:g}; ask for less, or add a node"
            )


def workers_that_fit(resources: Resources) -> int:
    """Count the workers with `resources` that the cluster can hold as it is now; at least 1."""
    import ray

    wanted = resources.for_ray()
    fits = (
        min(int(node["Resources"].get(name, 0) / need + 1e-9) for name, need in wanted.items() if need)
        for node in ray.nodes()
        if node["Alive"]
    )
    return max(1, sum(fits))


def pickle_user_code_by_value() -> None:
    """Have what the user's own files define travel with the task: workers do not have these files."""
    from ray import cloudpickle

    for module in user_modules():
        cloudpickle.register_pickle_by_value(module)
