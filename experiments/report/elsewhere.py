"""The searched loss against others: with the full model, on other tasks, and random search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..results.search_document import SearchDocument
from .table import Table, table


def elsewhere(document: SearchDocument) -> Table:
    """The searched loss with the full model, on other tasks, and random search: what there is of it."""
    head = ("where", "searched loss", "the other", "its score", "searched minus other", "95% interval")
    return table(head, _rows(document.verdict or {}), words=(0, 2))


def _rows(said: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    if (full := said.get("confirmation")) is not None:
        yield _compared(
            "with the full model", full, full["searched"], full["best_standard"], "the standard loss"
        )
    for task, row in (said.get("transfer") or {}).items():
        if "scores" not in row:  # nothing could be trained there
            yield (f"on {task}", row["sentence"], "", "", "", "")
            continue
        scores = row["scores"]
        yield _compared(f"on {task}", row, scores["searched"], scores["best_standard"], row["best_standard"])
    if (drawn := said.get("random_search")) is not None:
        own = said["challenger"] or said["scores"]["winner"]
        yield _compared("here", drawn, own, drawn, "random search")


def _compared(
    where: str, row: Mapping[str, Any], own: Mapping[str, Any], other: Mapping[str, Any], name: str
) -> Sequence[str]:
    return (
        where, f"{own['mean']:.4f}", name, f"{other['mean']:.4f}", f"{row['difference']:+.4f}",
        f"{row['ci_low']:+.4f} to {row['ci_high']:+.4f}",
    )  # fmt: skip
