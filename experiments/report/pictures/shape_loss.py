"""The loss of one sample, for the winner and the losses beside it."""

from __future__ import annotations

from ...results.search_document import SearchDocument
from ..compared_losses import compared, draw, values
from ..picture import Picture


def _alt(document: SearchDocument) -> str:
    names = ", ".join(compared(document))
    return f"The loss of one sample as curves, for {names}. The table has values along them."


PICTURE = Picture(
    "What one sample costs",
    "loss",
    10,
    lambda _: "The height of a loss is a learning rate in disguise; what differs is the shape.",
    _alt,
    lambda document: draw(document, "loss"),
    values,
)
