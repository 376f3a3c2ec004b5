"""lossmith show: everything about one search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .commands import Given
from .options import Json, Name, StoreUrl, Workdir
from .output import console, print_json

if TYPE_CHECKING:
    from ..results.search_document import SearchDocument

SHOWN_CLASSES = 10  # a wider table breaks its lines


def show(name: Name, *, workdir: Workdir = None, store: StoreUrl = None, as_json: Json = False) -> None:
    """Show the trials, the timings and the verdict of a search.

    It may be running, interrupted or finished.
    """
    from ..results.reading import SearchReading
    from .open_store import opened

    with opened(Given(workdir, store)) as found:
        document = SearchReading.of(found, name).document()
    if as_json:
        print_json(document.shown())
    else:
        _print(document)


def _print(document: SearchDocument) -> None:
    from ..results.class_table import class_rows
    from .outcome import print_verdict
    from .tables import classes_table, seconds_line

    out, task = console(), document.task
    reason = f": {document.reason}" if document.reason else ""
    out.print(f"{document.name} is {document.status}{reason}", style="bold", soft_wrap=True)
    started = document.created_at[:16].replace("T", " ")
    out.print(f"task {task.name}, {task.kind}, {task.metric}; started {started} UTC")
    counts = ", ".join(f"{number} {state}" for state, number in document.counts.items())
    out.print(f"trials: {counts}")
    if task.engine:
        out.print(f"engine: {task.engine}", soft_wrap=True)
    if task.hardware:
        out.print(f"device: {task.hardware}", soft_wrap=True)
    for line in document.damaged or ():
        out.print(f"damaged: {line}", soft_wrap=True)
    if document.sampler:
        out.print(document.sampler, soft_wrap=True)
    if task.counted_classes:
        out.print(f"classes in training: {task.counted_classes}", soft_wrap=True)
    if times := seconds_line(document.seconds):
        out.print(f"time: {times}", soft_wrap=True)
    _print_trials(document)
    print_verdict(document)
    if 0 < len(rows := class_rows(document)) <= SHOWN_CLASSES:
        out.print(classes_table(document, rows))


def _print_trials(document: SearchDocument) -> None:
    """The best losses so far; without a verdict they are said to be preliminary."""
    from .tables import trials_table

    out = console()
    if document.best is not None:
        if document.verdict is None:
            out.print(
                "Preliminary: nothing was compared on test data yet, and the best of many trials is also the "
                "luckiest. So far, on validation data:",
                soft_wrap=True,
            )
        out.print(trials_table(document))
    elif document.status == "running":
        out.print("No trial is complete yet: the first ones are kept when their cohort is trained.")
