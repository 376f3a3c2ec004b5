"""The head of the page: the verdict in words and in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ...search.method.verdict_words import cutoff_words
from ...search.records import Comparison, Entrant, Verdict
from ..results.answer_words import answer_line, side
from ..results.recommendation import Answer
from ..results.search_document import SearchDocument
from ..results.verdict_rows import chance
from .usage import FOLDER


@dataclass(frozen=True)
class Fact:
    """One number of the head of the page.

    Attributes:
        label: The words above the number.
        value: The number as it is printed.
        note: The words below the number, such as the metric and its deviation; may be empty.
    """

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
    line = answer_line(verdict)
    return f"{line[0].upper()}{line[1:]}"


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


def what_now(document: SearchDocument, answer: Answer | None) -> list[tuple[str, str]]:
    """What the reader does next, as pairs of words and a command, which may be empty.

    Args:
        document: The search.
        answer: The loss to train with; None as long as the search has none.
    """
    name = document.name
    if document.verdict is None:
        if document.status == "running":
            return [
                (
                    "Wait for the verdict: what stands here is preliminary. How far it is:",
                    f"lossmith show {name}",
                )
            ]
        go_on = [("Go on to the verdict:", f"lossmith resume {name}")]
        return go_on if document.status != "finished" else []
    if answer is None:
        return []
    own = document.verdict.recommended
    loss = own.standard or "the searched loss"
    recipe = document.trained_at(answer.number, answer.learning_rate)
    words = f"Train with {loss} at {recipe}. Written as loss.py, which needs torch alone:"
    found = [(words, f"lossmith export {name} --to {FOLDER}")]
    if own.offsets:
        found.append((cutoff_words(own.offsets), ""))
    return found


def facts(document: SearchDocument) -> list[Fact]:
    """The numbers of the verdict; before there is one, how many trials there are."""
    verdict = document.verdict
    if verdict is None:
        counts = document.counts
        best = document.best
        found = [Fact(f"trials {state}", str(count)) for state, count in counts.items()]
        if best is not None:
            note = f"trial {best.number}, not compared on test data"
            found.insert(
                0, Fact("best so far, on validation data", f"{best.score:.{document.decimals}f}", note)
            )
        return found
    own, metric = verdict.recommended, verdict.metric
    name = own.standard or "the searched loss"
    found = [] if verdict.gain is None or verdict.usual is None else [_gain(verdict, verdict.gain)]
    found.append(_score(name, own, metric, verdict.decimals))
    others = [verdict.usual, verdict.best_standard, verdict.challenger]
    labels = ("the usual loss", "the best standard loss of the race", "the best searched loss")
    shown = {own.number}
    for label, other in zip(labels, others, strict=True):
        if other is not None and other.number not in shown:
            shown.add(other.number)
            found.append(
                _score(other.standard or label, other, label if other.standard else metric, verdict.decimals)
            )
    return found


def _score(label: str, of: Entrant, note: str, decimals: int) -> Fact:
    return Fact(label, f"{of.scores.mean:.{decimals}f}", f"{note} ±\u00a0{of.scores.sd:.{decimals}f}")


def _gain(verdict: Verdict, gain: Comparison) -> Fact:
    assert verdict.usual is not None
    low, high = gain.toward_better(verdict.sign)
    label = f"{side(gain, verdict.sign)} {verdict.usual.standard} by"
    p = chance(gain.p_value, at_floor=gain.p_value <= verdict.p_floor)
    n = verdict.decimals
    return Fact(label, f"{abs(gain.difference):.{n}f}", f"95%: {low:+.{n}f} to {high:+.{n}f}, p {p}")


def notices(document: SearchDocument) -> list[str]:
    """What a reader of the verdict should be warned of."""
    damaged = [f"Left out, for the store holds it damaged: {line}." for line in document.damaged or ()]
    verdict = () if document.verdict is None else document.verdict.warnings
    return [*damaged, *verdict, *(document.task.warnings or ())]
