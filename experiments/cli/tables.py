"""The tables that `search`, `resume`, `show` and `list` print."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from rich.table import Table

from ...search.records import State
from ..results.challenger import challenger_row
from ..spec import by_phase, format_duration


def verdict_table(verdict: Mapping[str, Any]) -> Table:
    """The winner and every standard loss on test data, the best first after the winner."""
    corrected = all("p_value_holm" in row for row in verdict["against"].values())
    data = "sealed test data" if verdict.get("scored_on", "test") == "test" else "its own validation data"
    table = Table(
        title=f"{verdict['metric']} on {data}, {verdict['repeats']} paired repeats",
        title_justify="left",
    )
    table.add_column("loss", no_wrap=True)
    table.add_column("learning rate", justify="right")
    table.add_column("mean ± sd", justify="right", no_wrap=True)
    table.add_column("winner - loss [95% interval]", justify="right", no_wrap=True)
    table.add_column("p (Holm)" if corrected else "p", justify="right")
    digits = decimals(verdict["scores"]["winner"]["mean"])
    winner = verdict["winner"]
    title = winner["standard"] or "searched"
    table.add_row(
        f"{title} (winner)",
        f"{winner['learning_rate']:.3g}",
        _spread(verdict["scores"]["winner"], digits),
        "",
        "",
        style="bold",
    )
    for name, row in _rows(verdict):
        difference = (
            f"{row['difference']:+.{digits}f} [{row['ci_low']:+.{digits}f}, {row['ci_high']:+.{digits}f}]"
        )
        p = row.get("p_value_holm", row["p_value"])
        table.add_row(name, f"{row['learning_rate']:.3g}", _spread(row, digits), difference, _probability(p))
    return table


def _rows(verdict: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The other standard losses, and the best searched loss where a standard one won."""
    rows = {name: row for name, row in verdict["against"].items() if name != verdict["winner"]["standard"]}
    if (searched := challenger_row(verdict)) is not None:
        # Its p-value is not one of those that were corrected together.
        rows["best searched"] = {**searched, "p_value_holm": searched["p_value"]}
    sign = 1 if verdict["greater_is_better"] else -1
    yield from sorted(rows.items(), key=lambda item: -sign * item[1]["mean"])


def trials_table(trials: Sequence[Mapping[str, Any]], *, greater_is_better: bool, count: int = 5) -> Table:
    """The best complete trials of a document."""
    sign = 1 if greater_is_better else -1
    whole = [trial for trial in trials if trial["state"] == "complete" and trial["score"] is not None]
    table = Table(title=f"best of {len(trials)} trials, on validation data", title_justify="left")
    for title in ("trial", "score", "learning rate"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("loss", overflow="fold")
    for trial in sorted(whole, key=lambda trial: (-sign * trial["score"], trial["number"]))[:count]:
        loss = f"{trial['standard']}: {trial['formula']}" if trial["standard"] else trial["formula"]
        table.add_row(
            str(trial["number"]),
            f"{trial['score']:.4g}",
            f"{trial['params']['recipe.learning_rate']:.3g}",
            loss,
        )
    return table


def searches_table(searches: Sequence[Mapping[str, Any]]) -> Table:
    """One row for each search of `lossmith list`."""
    table = Table()
    table.add_column("name", no_wrap=True)
    for title in ("status", "task", "started"):
        table.add_column(title)
    for title in get_args(State):
        table.add_column(title, justify="right")
    table.add_column("winner, on test data", overflow="fold")
    for search in searches:
        counts = search["counts"]
        table.add_row(
            search["name"],
            search["status"],
            search["task"],
            search["created_at"][:16].replace("T", " "),
            *(str(counts[state]) for state in get_args(State)),
            _outcome(search["verdict"]) if search["verdict"] else search["reason"] or "",
        )
    return table


def _outcome(verdict: Mapping[str, Any]) -> str:
    digits = decimals(verdict["score"])
    score = f"{verdict['metric']} {verdict['score']:.{digits}f}"
    if verdict["winner"] is not None:
        return f"{verdict['winner']}, a standard loss: {score}"
    return f"searched: {score}, {verdict['difference']:+.{digits}f} against {verdict['best_standard']}"


def seconds_line(seconds: Mapping[str, float]) -> str:
    """Wall-clock by phase; how long of it store and MLflow were waited for, and what they did beside it."""
    phases = by_phase(seconds)
    total, kept = seconds.get("total", 0.0), seconds.get("bookkeeping", 0.0)
    waited = seconds.get("waited", kept)  # searches of an older lossmith did not tell them apart
    if total > 0:
        share = f"{format_duration(waited)} ({waited / total:.1%} of {format_duration(total)})"
        beside = f", beside the training {format_duration(kept - waited)} more" if kept > waited else ""
        phases.append(f"waited for store and MLflow {share}{beside}")
    return ", ".join(phases)


def decimals(value: float) -> int:
    """How many decimals show four digits of `value`: 4 for 0.8, 2 for 53."""
    return (
        4
        if value == 0 or not math.isfinite(value)
        else min(max(3 - math.floor(math.log10(abs(value))), 0), 12)
    )


def _spread(row: Mapping[str, Any], digits: int) -> str:
    return f"{row['mean']:.{digits}f} ± {row['sd']:.{digits}f}"


def _probability(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"
