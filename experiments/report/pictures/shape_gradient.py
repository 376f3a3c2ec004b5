"""The gradient for one sample, for the winner and the losses beside it."""

from __future__ import annotations

from ...results.search_document import SearchDocument
from ..compared_losses import compared, draw, values
from ..picture import Picture


def _alt(document: SearchDocument) -> str:
    names = ", ".join(compared(document))
    return f"The gradient for one sample as curves, for {names}. The table has values along them."


PICTURE = Picture(
    "How hard one sample pulls",
    "loss",
    20,
    lambda _: "Near zero a sample is left alone; below zero it is held back for being too sure.",
    _alt,
    lambda document: draw(document, "pull"),
    values,
)
