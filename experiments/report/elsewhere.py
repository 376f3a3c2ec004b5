"""The searched loss against others: with the full model, on other tasks, and random search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...search.records import Comparison, RefitScores, Verdict, decimals
from ..results.search_document import SearchDocument
from ..results.verdict_rows import turned
from .table import Table, table


def elsewhere(document: SearchDocument) -> Table:
    """The searched loss with the full model, on other tasks, and random search: what there is of it."""
    head = ("where", "searched loss", "the other", "its score", "searched ahead by", "95% interval")
    rows = () if document.verdict is None else _rows(document.verdict)
    return table(head, rows, words=(0, 2))


def _rows(said: Verdict) -> Iterator[Sequence[str]]:
    if (full := said.confirmation) is not None:
        ahead = turned(full.ahead, said.sign)
        yield _compared("with the full model", ahead, full.searched, full.best_standard, "the standard loss")
    for task, answer in said.transfer.items():
        if (there := answer.found) is None:  # nothing could be trained there
            yield (f"on {task}", answer.sentence, "", "", "", "")
            continue
        ahead = turned(there.ahead, said.sign)
        yield _compared(f"on {task}", ahead, there.searched, there.best_standard, there.standard)
    if (drawn := said.random_search) is not None and drawn.ahead is not None:
        own, ahead = said.challenger or said.winner, turned(drawn.ahead, said.sign)
        yield _compared("here", ahead, own.scores, drawn.scores, "random search")


def _compared(
    where: str, ahead: Comparison, own: RefitScores, other: RefitScores, name: str
) -> Sequence[str]:
    n = decimals(own.mean)
    return (
        where, f"{own.mean:.{n}f}", name, f"{other.mean:.{n}f}", f"{ahead.difference:+.{n}f}",
        f"{ahead.ci_low:+.{n}f} to {ahead.ci_high:+.{n}f}",
    )  # fmt: skip
