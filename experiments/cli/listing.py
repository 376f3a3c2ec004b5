"""lossmith list: the searches of a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .commands import Given, command
from .options import Json, StoreUrl, Workdir
from .output import console, print_json


def list_searches(*, workdir: Workdir = None, store: StoreUrl = None, as_json: Json = False) -> None:
    """List every search: its status, its trials and its answer."""
    from ..results.search_document import SearchSummary
    from ..running.workdir import places
    from ..store import store_exists
    from .open_store import opened

    given = Given(workdir, store)
    document = []
    if store_exists(places(workdir, store).store_url):
        with opened(given) as found:
            document = [
                {
                    **SearchSummary.of(record, found.counts(record.id)).to_json(),
                    "task": record.task.get("name"),
                    "verdict": _short(record.verdict),
                }
                for record in found.searches()
            ]
    if as_json:
        print_json(document)
    elif document:
        from .tables import searches_table

        console().print(searches_table(document))
    else:
        console().print(
            f"no search yet; start one with: {command('search', 'SPEC', given=given)}", soft_wrap=True
        )


def _short(verdict: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The verdict without its tables."""
    if verdict is None:
        return None
    keys = ("metric", "better", "difference", "ci_low", "ci_high", "p_value", "sentence")
    names = {key: verdict[key]["standard"] for key in ("winner", "best_standard")}
    return {**names, "score": verdict["scores"]["winner"]["mean"], **{key: verdict[key] for key in keys}}
