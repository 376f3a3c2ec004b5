"""Everything a report is made of, as one plain document."""

from __future__ import annotations

from typing import Any

from ..experiment import Experiment
from ..json_text import finite
from ..store import Store

Document = dict[str, Any]  # what `report_document` returns: plain dicts, lists, text and finite numbers
PHASES = ("headroom", "race", "insight")  # those that keep more than trials


def report_document(store: Store, name: str) -> Document:
    """What `lossmith show --json` prints, and what the phases kept beside it under `kept`.

    `kept` has, by phase, the payloads of its units in their order. Raises `UserError` for an unknown search.
    Nothing of the task is loaded or run.
    """
    experiment = Experiment(store, name)
    experiment.need_terms()
    document = experiment.document()
    search_id = store.get(name).id
    kept = {phase: _payloads(store, search_id, phase) for phase in PHASES}
    insight = document.get("insight") or next(iter(kept.pop("insight")), None)
    return {**document, "kept": finite(kept), "insight": finite(insight)}


def _payloads(store: Store, search_id: int, phase: str) -> list[Any]:
    found: list[Any] = []
    while (unit := store.unit(search_id, phase, len(found))) is not None:
        found.append(unit.payload)
    return [payload for payload in found if payload is not None]
