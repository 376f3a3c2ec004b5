"""Everything a report is made of, as one plain document."""

from __future__ import annotations

from typing import Any

from ..experiment import Experiment
from ..store import Store
from .json_text import finite

Document = dict[str, Any]  # what `report_document` returns: plain dicts, lists, text and finite numbers


def report_document(store: Store, name: str) -> Document:
    """What `lossmith show --json` prints, with the payloads of the race's rounds, in order, under `race`.

    Raises `UserError` for an unknown search. Nothing of the task is loaded or run.
    """
    experiment = Experiment(store, name)
    experiment.need_terms()
    return {**experiment.document(), "race": finite(_rounds(store, store.get(name).id))}


def _rounds(store: Store, search_id: int) -> list[Any]:
    found: list[Any] = []
    while (unit := store.unit(search_id, "race", len(found))) is not None:
        found.append(unit.payload)
    return [payload for payload in found if payload is not None]
