"""What the search was made with: task and data, seeds and versions, its SPEC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ...search.training.engines.autotune import EngineChoice
from ..version import versions
from .flatten import Rows, plain


def setting(document: Mapping[str, Any]) -> Rows:
    """The task, its data and the recipe."""
    task, recipe = document["task"], document["task"].get("recipe") or {}
    sizes = task.get("sizes") or {}
    found = [
        ("task", str(task.get("name"))),
        ("problem", str(task.get("kind"))),
        ("metric", str(task.get("metric"))),
        ("samples", ", ".join(f"{count} {part}" for part, count in sizes.items())),
        ("class sizes in training", _counts(task.get("class_counts"))),
        ("spread of the targets", plain(task.get("target_scale"))),
        ("model", f"{task['model_parameters']:,} parameters" if "model_parameters" in task else ""),
        ("recipe", ", ".join(f"{key.replace('_', ' ')} {plain(value)}" for key, value in recipe.items())),
        *(("remark", line) for line in task.get("notes", ())),
    ]
    return [(name, value) for name, value in found if value]


def trained(document: Mapping[str, Any]) -> Rows:
    """Who trained the losses, on what, and who proposed them."""
    task = document["task"]
    found = [
        ("engine", str(EngineChoice.from_json(task["engine"])) if "engine" in task else ""),
        ("device", task.get("hardware")),
        ("runner", document["notes"].get("runner")),
        ("sampler", document["sampler"]),
    ]
    return [(name, value) for name, value in found if value]


def _counts(counts: Any) -> str:
    if not counts:
        return ""
    if isinstance(counts[0], Sequence):
        return "; ".join(f"{negatives} no, {positives} yes" for negatives, positives in counts[:20])
    shown = ", ".join(str(count) for count in counts[:30])
    return shown + (f" and {len(counts) - 30} more classes" if len(counts) > 30 else "")


def provenance(document: Mapping[str, Any]) -> Rows:
    """Where the numbers come from: the search, its runs, seeds and versions."""
    run = document.get("mlflow") or {}
    used = document["notes"].get("versions", ())
    found = [
        ("search", document["name"]),
        ("status", document["status"] + (f": {document['reason']}" if document["reason"] else "")),
        ("started", _moment(document["created_at"])),
        ("last changed", _moment(document["updated_at"])),
        ("seed", plain(document["spec"].get("seed"))),
        ("data's fingerprint", str(document["task"].get("fingerprint") or "")),
        ("MLflow run", str(run.get("run_id") or "")),
        ("trained with", "; then ".join(map(_named, used))),
        ("written with", _named(versions())),
    ]
    return [(name, value) for name, value in found if value]


def _named(of: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in of.items())


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M UTC")


def spec_yaml(spec: Mapping[str, Any]) -> str:
    """A SPEC as the YAML that `lossmith search` reads."""
    import yaml

    given = {key: value for key, value in spec.items() if value is not None}
    text: str = yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=100)
    return text
