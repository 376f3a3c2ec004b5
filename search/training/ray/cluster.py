"""The Ray cluster that this process is part of: how it joins, what fits there, what travels to workers."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from ....losses.custom import user_modules
from ....losses.errors import UserError, one_line
from .resources import Resources

WAIT_S = 300.0  # for the first node that trains: images are pulled meanwhile, machines start
POLL_S = 1.0
WAITING = "waiting for"  # how the line begins, by which `launch` knows it in a job's log


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


def wait_for_node(
    resources: Resources, note: Callable[[str], None] = lambda _: None, wait_s: float = WAIT_S
) -> None:
    """Wait until the cluster has a node that trains, and check that one could hold a worker.

    Args:
        resources: What a worker is given.
        note: Called with a line when the wait begins, for the user to read.
        wait_s: How long to wait for the first node with cores or GPUs; a head may have none.

    Raises:
        UserError: No node joined, or none of those that did could ever hold such a worker.
    """
    nodes, end = _nodes(), time.monotonic() + wait_s
    if not any(map(_trains, nodes)):
        note(f"{WAITING} the cluster's first worker node, {wait_s:.0f} s at most: it has none yet")
    while not any(map(_trains, nodes)):
        if time.monotonic() >= end:
            raise UserError(
                f"a cluster must have a node with cores or GPUs, but none joined within {wait_s:.0f} s; "
                "start a worker, or see why it does not join (docker compose logs ray-worker)"
            )
        time.sleep(POLL_S)
        nodes = _nodes()
    for name, key in (("CPU", "cpus"), ("GPU", "gpus")):
        most = max((node.get(name, 0.0) for node in nodes), default=0.0)
        need = resources.for_ray().get(name, 0.0)
        if need > most:
            raise UserError(
                f"resources: {key} must be at most {most:g}, the most that a node of this cluster has, "
                f"but got {need:g}; ask for less, or add a node"
            )


def _nodes() -> list[dict[str, float]]:
    """What each node of the cluster has, as Ray names it."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _trains(node: dict[str, float]) -> bool:
    return node.get("CPU", 0) > 0 or node.get("GPU", 0) > 0


def workers_that_fit(resources: Resources) -> int:
    """Count the workers with `resources` that the cluster can hold as it is now; at least 1."""
    wanted = resources.for_ray()
    fits = (
        min(int(node.get(name, 0) / need + 1e-9) for name, need in wanted.items() if need)
        for node in _nodes()
    )
    return max(1, sum(fits))


def pickle_user_code_by_value() -> None:
    """Have what the user's own files define travel with the task: workers do not have these files."""
    from ray import cloudpickle

    for module in user_modules():
        cloudpickle.register_pickle_by_value(module)
