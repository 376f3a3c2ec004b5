"""lossmith show: everything about one search."""

from __future__ import annotations

from typing import Any

from .commands import Given
from .options import Json, Name, StoreUrl, Workdir
from .output import console, print_json


def show(name: Name, *, workdir: Workdir = None, store: StoreUrl = None, as_json: Json = False) -> None:
    """Show the trials, the timings and the verdict of a search.

    It may be running, interrupted or finished.
    """
    from ..experiment import Experiment
    from .open_store import opened

    with opened(Given(workdir, store)) as found:
        document = Experiment(found, name).document()
    if as_json:
        print_json(document)
    else:
        _print(document)


def _print(document: dict[str, Any]) -> None:
    from ...search.metrics import sign_of
    from ...search.training.engines.autotune import EngineChoice
    from .outcome import print_verdict
    from .tables import seconds_line, trials_table

    out, task = console(), document["task"]
    reason = f": {document['reason']}" if document["reason"] else ""
    out.print(f"{document['name']} is {document['status']}{reason}", style="bold", soft_wrap=True)
    started = document["created_at"][:16].replace("T", " ")
    out.print(f"task {task['name']}, {task['kind']}, {task['metric']}; started {started} UTC")
    counts = ", ".join(f"{number} {state}" for state, number in document["counts"].items())
    out.print(f"trials: {counts}")
    if choice := task.get("engine"):
        out.print(f"engine: {EngineChoice.from_json(choice)}", soft_wrap=True)
    if hardware := task.get("hardware"):
        out.print(f"device: {hardware}", soft_wrap=True)
    if sampler := document["sampler"]:
        out.print(sampler, soft_wrap=True)
    if times := seconds_line(document["seconds"]):
        out.print(f"time: {times}", soft_wrap=True)
    if document["best"] is not None:
        out.print(trials_table(document["trials"], greater_is_better=sign_of(task) > 0))
    if document["verdict"] is not None:
        print_verdict(document)
