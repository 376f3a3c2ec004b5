"""The tables that `search`, `resume`, `show` and `list` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from rich.table import Table

from ...search.records import State, Verdict, decimals
from ..results.catalogue import Listed, VerdictSummary
from ..results.class_table import ClassRow
from ..results.search_document import SearchDocument
from ..results.verdict_rows import VerdictRow, verdict_rows
from ..spec import by_phase, format_duration


def verdict_table(verdict: Verdict) -> Table:
    """Make a table of a verdict: the winner, then every loss it was compared with, the strongest first."""
    corrected = all(row.p_value_holm is not None for row in verdict.against.values())
    data = "sealed test data" if verdict.scored_on == "test" else "its own validation data"
    table = Table(
        title=f"{verdict.metric} on {data}, {verdict.repeats} refits of each loss, the same seeds for all",
        title_justify="left",
    )
    table.add_column("loss", no_wrap=True)
    table.add_column("learning rate", justify="right")
    table.add_column("mean ± sd", justify="right", no_wrap=True)
    first = "winner" if verdict.compared is None else "to use"
    table.add_column(f"{first} ahead by [95% interval]", justify="right", no_wrap=True)
    table.add_column("p (Holm)" if corrected else "p", justify="right")
    digits = verdict.decimals
    for row in verdict_rows(verdict):
        table.add_row(
            row.label if row.lead else row.label.replace(row.names[0], f"{row.names[0]} ({first})", 1),
            f"{row.learning_rate:.3g}",
            f"{row.scores.mean:.{digits}f} ± {row.scores.sd:.{digits}f}",
            *_lead(row, digits),
            style=None if row.lead else "bold",
        )
    return table


def _lead(row: VerdictRow, digits: int) -> tuple[str, str]:
    if (lead := row.lead) is None:
        return "", ""
    low, high = f"{lead.ci_low:+.{digits}f}", f"{lead.ci_high:+.{digits}f}"
    return f"{lead.difference:+.{digits}f} [{low}, {high}]", row.chance


def trials_table(document: SearchDocument, count: int = 5) -> Table:
    """Make a table of the best losses of a search, each with its best complete trial.

    Args:
        document: The search.
        count: How many losses, at most.
    """
    n, best = document.decimals, {trial.formula: trial for trial in reversed(document.ranked())}
    shown = [trial for trial in document.ranked() if best[trial.formula] is trial][:count]
    said = f"the best losses of {len(document.trials)} trials, on validation data"
    table = Table(title=said, title_justify="left")
    for title in ("trial", "score", "learning rate"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("loss", overflow="fold")
    for trial in shown:
        loss = f"{trial.standard}: {trial.formula}" if trial.standard else trial.formula
        table.add_row(str(trial.number), f"{trial.score:.{n}f}", f"{trial.learning_rate:.3g}", loss)
    return table


def classes_table(document: SearchDocument, rows: Sequence[ClassRow]) -> Table:
    """Make the table of test samples by true class and decided class, for the loss to use.

    Args:
        document: The search.
        rows: Its classes, as `class_rows` finds them.
    """
    table = Table(title="\ntest samples with the loss to use, mean over its refits", title_justify="left")
    table.add_column("true class")
    for row in rows:
        table.add_column(f"taken for {row.name}", justify="right")
    table.add_column("recognised", justify="right")
    usual = document.verdict.usual if document.verdict else None
    if beside := usual is not None and rows[0].usual is not None:
        table.add_column(f"with {usual.standard}", justify="right")
    for row in rows:
        theirs = [f"{row.usual or 0.0:.0%}"] if beside else []
        table.add_row(row.name, *(f"{count:.4g}" for count in row.counts), f"{row.found:.0%}", *theirs)
    return table


def searches_table(searches: Sequence[Listed]) -> Table:
    """Make a table with a row for each search of `lossmith list`."""
    table = Table()
    table.add_column("name", no_wrap=True)
    for title in ("status", "task", "started"):
        table.add_column(title)
    for title in get_args(State):
        table.add_column(title, justify="right")
    table.add_column("winner, on test data", overflow="fold")
    for search in searches:
        if (summary := search.summary) is None:
            table.add_row(search.name, "damaged", *[""] * (2 + len(get_args(State))), search.damaged)
            continue
        told = _outcome(search.verdict) if search.verdict else summary.reason or ""
        table.add_row(
            search.name,
            summary.status,
            search.task or "",
            summary.created_at[:16].replace("T", " "),
            *(str(summary.counts[state]) for state in get_args(State)),
            f"damaged: {search.damaged}" if search.damaged else told,
        )
    return table


def _outcome(verdict: VerdictSummary) -> str:
    digits = decimals(verdict.score)
    score = f"{verdict.metric} {verdict.score:.{digits}f}"
    if verdict.winner is not None:
        return f"{verdict.winner}: {score}"
    return f"searched: {score}, {verdict.difference:+.{digits}f} against {verdict.best_standard}"


def seconds_line(seconds: Mapping[str, float]) -> str:
    """Say what each phase took; how long store and MLflow were waited for, and what they did beside it.

    Args:
        seconds: Wall-clock seconds by phase, and those of store and MLflow.
    """
    phases = by_phase(seconds)
    total, kept = seconds.get("total", 0.0), seconds.get("bookkeeping", 0.0)
    waited = seconds.get("waited", kept)  # searches of an older lossmith did not tell them apart
    if total > 0:
        share = f"{format_duration(waited)} ({waited / total:.1%} of {format_duration(total)})"
        beside = f", beside the training {format_duration(kept - waited)} more" if kept > waited else ""
        phases.append(f"waited for store and MLflow {share}{beside}")
    return ", ".join(phases)
