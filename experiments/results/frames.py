"""Trials and verdicts as notebooks want them: tables and HTML."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ...losses.errors import require
from ...losses.spec import table_html
from ...search.records import Verdict, decimals
from .trial_row import TrialRow
from .verdict_rows import verdict_rows

if TYPE_CHECKING:
    import pandas as pd


def show_verdicts() -> None:
    """Have IPython, where it runs, show a `Verdict` as a sentence and a table; the record knows no HTML."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if (shown := getattr(shell, "display_formatter", None)) is not None:
        shown.formatters["text/html"].for_type(Verdict, verdict_html)


def trials_frame(rows: Sequence[TrialRow]) -> pd.DataFrame:
    """Make a data frame of trials, one row each, by number.

    Args:
        rows: The trials.

    Returns:
        State, score with the spread over repeats, and parameters; a parameter that a loss does not have is
            NaN in its row.

    Raises:
        UserError: pandas is not installed.
    """
    require("pandas", "a table of trials")
    import pandas as pd

    if not rows:
        return pd.DataFrame(columns=list(_COLUMNS)).set_index("number")
    frame = pd.DataFrame([_cells(row) for row in rows]).set_index("number")
    return frame.astype({"score": float, "sd": float})


_COLUMNS = (
    "number",
    "phase",
    "state",
    "score",
    "sd",
    "standard",
    "learning_rate",
    "epochs",
    "formula",
    "reason",
)


def _cells(row: TrialRow) -> dict[str, object]:
    return {**{name: getattr(row, name) for name in _COLUMNS}, **row.loss}


def verdict_html(verdict: Verdict) -> str:
    """Show a verdict as HTML: the sentence, the winner's formula, and every comparison with its interval."""
    n = verdict.decimals
    rows = [
        ("loss", "learning rate", verdict.metric, "winner ahead by", "95% interval"),
        *(
            (
                row.label,
                f"{row.learning_rate:.3g}",
                f"{row.scores.mean:.{n}f} ± {row.scores.sd:.{n}f}",
                "" if row.lead is None else f"{row.lead.difference:+.{n}f}",
                "" if row.lead is None else f"{row.lead.ci_low:+.{n}f} to {row.lead.ci_high:+.{n}f}",
            )
            for row in verdict_rows(verdict)
        ),
    ]
    cells = (f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    winner = verdict.winner
    return (
        f"<div><p>{escape(verdict.sentence)}</p>"
        f"<p>{escape(winner.standard or 'searched')}: <code>{escape(winner.formula)}</code></p>"
        f"<table>{''.join(cells)}</table></div>"
    )


def summary_html(name: str, status: str, best: TrialRow | None, verdict: Verdict | None) -> str:
    """Show a search at a glance as HTML.

    Args:
        name: The name of the search.
        status: How it stands.
        best: Its best complete trial.
        verdict: What it came to; None before the verdict.
    """
    head: dict[str, object] = {"search": name, "status": status}
    if best is not None:
        head["best trial"] = f"{best.number}, score {best.score:.{decimals(best.score)}f}, {best.formula}"
    return table_html(head) + ("" if verdict is None else verdict_html(verdict))
