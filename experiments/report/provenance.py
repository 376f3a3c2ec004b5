"""What the search was made with: task and data, seeds and versions, its SPEC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ...search.records.typed_json import Document
from ..results.search_document import SearchDocument
from ..version import versions
from .flatten import Rows, plain


def setting(document: SearchDocument) -> Rows:
    """The task, its data and the recipe."""
    task = document.task
    found = [
        ("task", task.name),
        ("problem", task.kind),
        ("metric", task.metric + (f", in the units of {task.target}" if task.target else "")),
        ("samples", ", ".join(f"{count} {part}" for part, count in (task.sizes or {}).items())),
        ("class sizes in training", task.counted_classes),
        ("spread of the targets", plain(task.target_scale)),
        ("model", "" if task.model_parameters is None else f"{task.model_parameters:,} parameters"),
        ("recipe", task.recipe_words),
        *(("remark", line) for line in task.notes or ()),
    ]
    return [(name, value) for name, value in found if value]


def trained(document: SearchDocument) -> Rows:
    """Who trained the losses, on what, and who proposed them."""
    task = document.task
    found = [
        ("engine", "" if task.engine is None else str(task.engine)),
        ("device", task.hardware),
        ("runner", document.notes.runner),
        ("sampler", document.sampler),
    ]
    return [(name, value) for name, value in found if value]


def provenance(document: SearchDocument) -> Rows:
    """Where the numbers come from: the search, its runs, seeds and versions."""
    used = document.notes.versions or ()
    found = [
        ("search", document.name),
        ("status", document.status + (f": {document.reason}" if document.reason else "")),
        ("started", _moment(document.created_at)),
        ("last changed", _moment(document.updated_at)),
        ("seed", plain(document.spec.get("seed"))),
        ("data's fingerprint", document.task.fingerprint or ""),
        ("MLflow run", document.mlflow.run_id or ""),
        ("trained with", "; then ".join(map(_named, used))),
        ("written with", _named(versions())),
    ]
    return [(name, value) for name, value in found if value]


def _named(of: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in of.items())


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M UTC")


def spec_yaml(spec: Document) -> str:
    """A SPEC as the YAML that `lossmith search` reads."""
    import yaml

    given = {key: value for key, value in spec.items() if value is not None}
    text: str = yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=100)
    return text
