"""The head of the page: the verdict in words and in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ..results.search_document import SearchDocument
from .table import chance


@dataclass(frozen=True)
class Fact:
    """One number of the head of the page."""

    label: str
    value: str
    note: str = ""


def headline(document: SearchDocument) -> str:
    """The verdict in a few words."""
    verdict = document.verdict
    if verdict is None:
        return {
            "running": "The search is still running",
            "finished": "The search ended without a verdict",
        }.get(document.status, f"The search is {document.status}: no verdict yet")
    standard = verdict.best_standard.standard
    if verdict.better:
        return "A searched loss is better than every standard one"
    if verdict.winner.standard is not None:
        return f"Stay with {verdict.winner.standard}"
    if verdict.conclusion == "no worse":
        return f"No worse than {standard}, within the margin"
    return f"Not shown to be better than {standard}"


def sentence(document: SearchDocument) -> str:
    """The verdict in a sentence, or why there is none."""
    verdict = document.verdict
    if verdict is not None:
        return verdict.sentence
    if document.reason:
        return str(document.reason)
    done = document.counts["complete"]
    if document.status == "running":
        return f"{done} trials are complete so far; nothing was compared on test data yet."
    if not done:
        return f"No trial is complete. Go on with: lossmith resume {document.name}"
    return (
        f"{done} trials are complete, and nothing was compared on test data yet. "
        f"Go on with: lossmith resume {document.name}"
    )


def facts(document: SearchDocument) -> list[Fact]:
    """The numbers of the verdict; before there is one, how many trials there are."""
    verdict = document.verdict
    if verdict is None:
        counts = document.counts
        best = document.best
        found = [Fact(f"trials {state}", str(count)) for state, count in counts.items()]
        if best is not None:
            note = f"trial {best.number}, not compared on test data"
            found.insert(0, Fact("best so far, on validation data", f"{best.score:.4f}", note))
        return found
    own, other = verdict.winner.scores, verdict.best_standard.scores
    winner, challenger = verdict.winner.standard, verdict.challenger
    found = [Fact(winner or "the searched loss", f"{own.mean:.4f}", f"{verdict.metric} ±\u00a0{own.sd:.4f}")]
    if winner is None:
        note = f"{verdict.best_standard.standard} ±\u00a0{other.sd:.4f}"
        found.append(Fact("best standard loss", f"{other.mean:.4f}", note))
        shown, label = verdict.ahead, "difference"
    elif challenger is not None and challenger.ahead is not None:
        theirs = challenger.scores
        found.append(Fact("best searched loss", f"{theirs.mean:.4f}", f"±\u00a0{theirs.sd:.4f}"))
        shown, label = challenger.ahead, "searched minus standard"
    else:
        return found
    interval = f"95%: {shown.ci_low:+.4f} to {shown.ci_high:+.4f}"
    found.append(Fact(label, f"{shown.difference:+.4f}", interval))
    p = "< 0.0001" if shown.p_value < 1e-4 else chance(shown.p_value)
    found.append(Fact("p-value", p, f"{verdict.repeats} paired repeats"))
    return found


def notices(document: SearchDocument) -> list[str]:
    """What a reader of the verdict should be warned of."""
    damaged = [f"Left out, for the store holds it damaged: {line}." for line in document.damaged or ()]
    return [*damaged, *(document.task.warnings or ())]
