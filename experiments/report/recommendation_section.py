"""The loss to train with, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...losses import UserError, formula, latex, source
from ...losses.kinds import kind_named
from ...spaces.recipe import Recipe
from ..results.recommendation import Answer
from ..results.search_document import SearchDocument
from .mathml import UnknownLatex, mathml
from .usage import FOLDER, Snippet, snippets


@dataclass(frozen=True)
class Recommendation:
    """The loss to train with, ready to be shown.

    Attributes:
        note: Where the loss comes from, in a sentence.
        recipe: The learning rate and the other numbers of the recipe it was found with, in words.
        lines: The formula and its conditions, each as MathML, or as LaTeX where that is not possible.
        plain: The formula as text.
        latex: The formula as LaTeX.
        letters: What the letters of the formula stand for, in a sentence.
        command: The command that exports the loss.
        snippets: Code that trains with the exported loss.
        source: The loss as Python source; empty where the source of one of its parts is not at hand.
    """

    note: str
    recipe: str
    lines: Sequence[Any]
    plain: str
    latex: str
    letters: str
    command: str
    snippets: Sequence[Snippet]
    source: str


def recommendation(document: SearchDocument, answer: Answer) -> Recommendation:
    """The loss as formula and as code, with what to write into one's own training.

    Args:
        document: The search.
        answer: The loss that the search advises, and its learning rate.
    """
    from markupsafe import Markup

    spec = answer.loss
    text = latex(spec)
    body, _, conditions = text.partition(r" \quad \text{with } ")
    lines: list[Any] = []
    for line in [body, *(conditions.split(r",\; ") if conditions else [])]:
        try:
            lines.append(Markup(mathml(line)))  # noqa: S704  (made of escaped tokens)
        except UnknownLatex:
            lines.append(line)
    try:
        code = source(spec)
    except (UserError, TypeError, OSError):  # a part of a user's own, whose source is not at hand
        code = ""
    rate = answer.learning_rate
    return Recommendation(
        note=f"This is {answer.note}.",
        recipe=document.trained_at(answer.number, rate),
        lines=lines,
        plain=formula(spec),
        latex=text,
        letters=f"{kind_named(spec.kind).letters}.",
        command=f"lossmith export {document.name} --to {FOLDER}",
        snippets=snippets(
            _recipe(document, answer),
            rate,
            document.task.kind,
            document.notes.model,
            in_units=spec.target_units is not None,
            function=None if document.task.reads is None else document.task.name,
        ),
        source=code,
    )


def _recipe(document: SearchDocument, answer: Answer) -> Recipe:
    """The recipe that the loss to train with was found with: that of its trial, else the task's."""
    trial = document.trial(answer.number)
    return trial.recipe if trial is not None else document.task.recipe or Recipe()
