"""Trials and verdicts as notebooks want them: tables and HTML."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ...losses import formula
from ...losses.spec.html import table_html
from ...search.records import Trial

if TYPE_CHECKING:
    import pandas as pd


class Verdict(dict[str, Any]):
    """The verdict's document, which a notebook shows as a sentence and a table."""

    def _repr_html_(self) -> str:
        return verdict_html(self)


def trials_frame(trials: Sequence[Trial]) -> pd.DataFrame:
    """One row a trial, by number: its state, its score with the spread over repeats, its parameters.

    A parameter that a loss does not have is NaN in its row.
    """
    import pandas as pd

    return pd.DataFrame([_row(trial) for trial in trials]).set_index("number") if trials else _empty()


def _empty() -> pd.DataFrame:
    import pandas as pd

    names = [
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
    ]
    return pd.DataFrame(columns=names).set_index("number")


def _row(trial: Trial) -> dict[str, Any]:
    candidate, outcome = trial.candidate, trial.outcome
    return {
        "number": trial.number,
        "phase": trial.phase,
        "state": outcome.state,
        "score": outcome.score,
        "sd": statistics.stdev(outcome.scores) if len(outcome.scores) > 1 else float("nan"),
        "standard": candidate.standard,
        "learning_rate": candidate.recipe.rate,
        "epochs": outcome.epochs,
        "formula": formula(candidate.spec),
        "reason": outcome.reason,
        **candidate.spec.parameters,
    }


def verdict_html(verdict: Mapping[str, Any]) -> str:
    """The sentence, the winner's formula, and every comparison with its interval."""
    rows = [
        ("loss", "learning rate", verdict["metric"], "winner - loss", "95% interval"),
        *(
            (
                name,
                f"{row['learning_rate']:.3g}",
                f"{row['mean']:.4f} ± {row['sd']:.4f}",
                f"{row['difference']:+.4f}",
                f"{row['ci_low']:+.4f} to {row['ci_high']:+.4f}",
            )
            for name, row in verdict["against"].items()
        ),
    ]
    cells = (f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    winner = verdict["winner"]
    name = winner["standard"] or "searched"
    return (
        f"<div><p>{escape(verdict['sentence'])}</p>"
        f"<p>{escape(name)}: <code>{escape(winner['formula'])}</code></p>"
        f"<table>{''.join(cells)}</table></div>"
    )


def summary_html(name: str, status: str, best: Trial | None, verdict: Verdict | None) -> str:
    """A search at a glance."""
    head: dict[str, object] = {"search": name, "status": status}
    if best is not None:
        head["best trial"] = f"{best.number}, score {best.outcome.score:.4f}, {formula(best.candidate.spec)}"
    return table_html(head) + (verdict_html(verdict) if verdict else "")
