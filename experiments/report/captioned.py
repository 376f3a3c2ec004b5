"""The pictures of a page: each with its title, what it says in words, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import figures, tables
from .figures.shape import compared
from .figures.trials import complete
from .tables import Table

if TYPE_CHECKING:
    import plotly.graph_objects as go

Document = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with `alt`, what somebody who cannot see it has to know, and `note`, how to read it."""

    name: str
    title: str
    note: str
    alt: str
    figure: go.Figure
    table: Table


@dataclass(frozen=True)
class _Plan:
    title: str
    note: str | Callable[[Document], str]
    alt: Callable[[Document], str]
    figure: Callable[[Document], go.Figure | None]
    table: Callable[[Document], Table]


def pictures(document: Document) -> dict[str, Picture]:
    """Every picture that this search has something for, by name."""
    found = {}
    for name, plan in _PLANS.items():
        drawn = plan.figure(document)
        if drawn is not None:
            note = plan.note if isinstance(plan.note, str) else plan.note(document)
            found[name] = Picture(name, plan.title, note, plan.alt(document), drawn, plan.table(document))
    return found


def _verdict(document: Document) -> str:
    return f"Differences with intervals, one row for each loss. {document['verdict']['sentence']}"


def _led(document: Document) -> str:
    side = "Right" if document["verdict"]["greater_is_better"] else "Left"
    verdict = document["verdict"]
    where = (
        "validation data, with fresh seeds"
        if verdict.get("scored_on", "test") != "test"
        else "test data that nothing was chosen on"
    )
    errors = " and ".join(verdict.get("sources") or ("refits", "test samples"))
    return (
        f"Each point is the winner's score minus that of a loss that is tuned too, on {where}; the line is "
        f"its 95% interval over {errors}. {side} of zero the winner is better; where the interval says so, "
        "the point is coloured."
    )


def _shape(what: str) -> Callable[[Document], str]:
    def alt(document: Document) -> str:
        return f"{what} as curves, for {', '.join(compared(document))}. The table has values along them."

    return alt


def _history(document: Document) -> str:
    best = complete(document)[0]
    return (
        f"The scores of {len(complete(document))} complete trials by number; the best is trial "
        f"{best['number']} with {best['score']:.4f}."
    )


def _parallel(_: Document) -> str:
    return (
        "Each line is a trial; its place on a row is the value of that parameter, and on the last row its "
        "score. The table lists the best trials."
    )


def _headroom(document: Document) -> str:
    best = next(t for t in complete(document) if t["phase"] == "headroom")
    return (
        f"The score of each standard loss by learning rate. The best is {best['standard']} with "
        f"{best['score']:.4f} at {best['params']['recipe.learning_rate']:.3g}."
    )


def _learning(document: Document) -> str:
    metric = document["task"]["metric"]
    return f"Curves of {metric} on held-out data by epoch. The table has the same numbers."


def _counted(document: Document) -> str:
    counts = document["counts"]
    return f"Bars by epoch: {counts['pruned']} trials were pruned and {counts['diverged']} diverged."


def _importance(document: Document) -> str:
    name, share = max(document["insight"]["importance"].items(), key=lambda item: item[1])
    return f"Bars, one for each parameter. The largest is {name} with {share:.0%}."


def _ablation(document: Document) -> str:
    row = max(document["insight"]["ablation"], key=lambda row: abs(row["difference"]))
    return (
        f"Differences with intervals, one row a part. The largest is {row['part']}: {row['difference']:+.4f}."
    )


def _sensitivity(document: Document) -> str:
    names = ", ".join(document["insight"]["sensitivity"])
    return f"The score as one parameter moves and the others stay as they are, for {names}."


_PLANS: Mapping[str, _Plan] = {
    "verdict": _Plan(
        "By how much the winner leads",
        _led,
        _verdict,
        figures.verdict,
        tables.verdict,
    ),
    "shape_loss": _Plan(
        "What one sample costs",
        "The height of a loss is a learning rate in disguise; what differs is the shape.",
        _shape("The loss of one sample"),
        figures.shape_loss,
        tables.shape,
    ),
    "shape_gradient": _Plan(
        "How hard one sample pulls",
        "Near zero a sample is left alone; below zero it is held back for being too sure.",
        _shape("The gradient for one sample"),
        figures.shape_gradient,
        tables.shape,
    ),
    "learning": _Plan(
        "Learning curves",
        "The metric on held-out data while training.",
        _learning,
        figures.learning,
        tables.learning,
    ),
    "ablation": _Plan(
        "What each part earns",
        "The winner against itself with one part switched off and everything else as it was.",
        _ablation,
        figures.ablation,
        tables.ablation,
    ),
    "sensitivity": _Plan(
        "Around the winner",
        "One parameter moves, the others stay: a flat curve means that its exact value does not matter.",
        _sensitivity,
        figures.sensitivity,
        tables.sensitivity,
    ),
    "importance": _Plan(
        "Which parameters matter",
        "The share of each parameter in how much the trials' scores differ.",
        _importance,
        figures.importance,
        tables.importance,
    ),
    "headroom": _Plan(
        "The standard losses, tuned",
        "Every standard loss gets its own learning rate before anything is compared with it.",
        _headroom,
        figures.headroom,
        tables.headroom,
    ),
    "history": _Plan(
        "The trials as they came",
        "Scores on validation data. The best one was also lucky, which is why the best trials race again on "
        "fresh seeds before any is named.",
        _history,
        figures.history,
        tables.best,
    ),
    "parallel": _Plan(
        "The trials by their parameters",
        "A line is a trial and a row a parameter; where its loss does not have the parameter, a line passes "
        "through off, on the left. The last row is the score.",
        _parallel,
        figures.parallel,
        tables.best,
    ),
    "thinning": _Plan(
        "What was stopped early",
        "At a rung the trials that are behind on the metric are pruned; one whose loss or weights stop being "
        "numbers, or that predicts a single answer, has diverged and counts as bad.",
        _counted,
        figures.thinning,
        tables.thinning,
    ),
}
