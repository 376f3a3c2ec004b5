"""lossmith export: the answer of a search as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .commands import Given
from .options import Json, Name, StoreUrl, Workdir
from .output import console, print_json


def export(
    name: Name,
    to: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="A new or empty directory, or one that holds an earlier export.",
            show_default=False,
        ),
    ],
    *,
    workdir: Workdir = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Write the loss to train with as loss.py, loss.pt2 and loss.json.

    loss.py defines `Loss` and needs torch alone, loss.pt2 is for torch.export, loss.json holds the verdict.
    All three are compared with the searched loss, in value and gradient, before they appear.
    """
    from ..experiment import Experiment
    from .open_store import opened

    with opened(Given(workdir, store)) as found:
        experiment = Experiment(found, name)
        answer = experiment.answer()
        files = experiment.export(to)
        recipe = experiment.search_document().trained_at(answer.number, answer.learning_rate)
    if as_json:
        document = {
            "files": [str(file) for file in files],
            "answer": answer.note,
            "learning_rate": answer.learning_rate,
        }
        print_json(document)
        return
    out = console()
    for file in files:
        out.print(str(file), soft_wrap=True)
    out.print(f"This is {answer.note}. Train with it at {recipe}.", soft_wrap=True)
