"""What MLflow is given when a search has ended: the report, its pictures, the loss, the SPEC, the winner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...losses import UserError, formula
from ...losses.errors import installed
from ...search.records import Verdict
from ..report import REPORT_NEEDS, answer_of
from ..results.export import export_answer
from ..results.json_text import json_text
from ..results.reading import SearchReading
from ..results.recommendation import Answer
from ..results.search_document import SearchDocument
from ..store import Store
from ..version import version
from . import Champion


def present(store: Store, name: str, folder: Path, model: str) -> Champion | None:
    """Write the artifacts of a search into a folder, and return the loss to register.

    There is something to register once there is a verdict: the loss to train with, be it the searched one or
    a standard one. A loss that cannot be exported, such as one with a part of a user's own that is not at
    hand, is left out. Runs no code of the task.

    Args:
        store: Where the search is kept.
        name: The name of the search.
        folder: An empty folder.
        model: The name that the registered model will have.
    """
    from ..report.provenance import spec_yaml

    reading = SearchReading.of(store, name)
    reading.require_terms()
    document, answer = reading.document(), answer_of(reading)
    loss = _exported(reading, folder / "loss") if answer is not None else None
    registered = loss is not None and document.verdict is not None
    if registered:
        document = replace(document, notes=replace(document.notes, model=model))
    if installed(*REPORT_NEEDS):
        _write_report(document, answer, folder)
    (folder / "spec.yaml").write_text(spec_yaml(document.spec), encoding="utf-8")
    if document.verdict is not None:
        (folder / "verdict.json").write_text(json_text(document.verdict.to_json()), encoding="utf-8")
    verdict = document.verdict
    if verdict is None or answer is None or loss is None:
        return None
    note = _note(document, verdict, answer, model)
    return Champion(answer.loss, loss, note, _tags(document, verdict, answer))


def _write_report(document: SearchDocument, answer: Answer | None, folder: Path) -> None:
    from ..report.page import page
    from ..report.pictures import drawn

    shown = drawn(document)
    (folder / "figures").mkdir()
    for it in shown:
        (folder / "figures" / f"{it.name}.json").write_text(it.figure.to_json(), encoding="utf-8")
    (folder / "report.html").write_text(page(document, answer, shown), encoding="utf-8")


def import_ahead() -> None:
    """Import all that `present` needs: two seconds of work that a search need not wait for when it ends."""
    import torch

    if installed(*REPORT_NEEDS):
        from ..report import page
        from ..report.pictures import pictures

        del page
        pictures()
    torch.export.export(torch.nn.Identity(), (torch.zeros(2),))  # what it needs it imports when it is called


def _exported(reading: SearchReading, folder: Path) -> Path | None:
    """The `.pt2` of an export into `folder`, or None where the loss cannot be exported."""
    try:
        export_answer(reading, folder)
    except UserError:
        return None
    return folder / "loss.pt2"


def _note(document: SearchDocument, verdict: Verdict, answer: Answer, model: str) -> str:
    """The description of the parent run and of the model's version, in Markdown."""
    recipe = document.trained_at(answer.number, answer.learning_rate)
    return (
        f"{verdict.sentence}\n\n"
        f"The loss to train with, at {recipe}: {answer.note}.\n\n"
        f"    {formula(answer.loss)}\n\n"
        f"The whole story is in the artifact `report.html`. In a training loop:\n\n"
        f'    loss = mlflow.pytorch.load_model("models:/{model}@champion")\n'
    )


def _tags(document: SearchDocument, verdict: Verdict, answer: Answer) -> dict[str, str]:
    """The verdict as tags of the model's version, so that models can be told apart and filtered."""
    task, best = document.task, verdict.best_standard
    found = {
        "task": task.name,
        "kind": task.kind,
        "metric": verdict.metric,
        "data": task.fingerprint,
        "better": str(verdict.better).lower(),
        "score": f"{verdict.winner.scores.mean:.6g}",
        "best_standard": best.standard,
        "best_standard_score": f"{best.scores.mean:.6g}",
        "difference": f"{verdict.ahead.difference:.6g}",
        "ci_low": f"{verdict.ahead.ci_low:.6g}",
        "ci_high": f"{verdict.ahead.ci_high:.6g}",
        "p_value": f"{verdict.ahead.p_value:.6g}",
        "loss": answer.standard or "searched",
        "learning_rate": f"{answer.learning_rate:.6g}",
        "trial": str(answer.number),
        "lossmith": version(),
    }
    return {f"lossmith.{key}": str(value)[:5000] for key, value in found.items() if value is not None}
