"""What the loss to train with makes of each class: which test samples are taken for which class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .search_document import SearchDocument


@dataclass(frozen=True)
class ClassRow:
    """The test samples of one class.

    Attributes:
        name: What the class is called.
        counts: How many of them are taken for each class, means over the refits.
        own: The place of the class among `counts`.
        usual: The share of them that models trained with the usual loss recognise; None where that is the
            loss to train with, or is not known.
    """

    name: str
    counts: Sequence[float]
    own: int
    usual: float | None

    @property
    def found(self) -> float:
        """The share of them that is recognised: the recall of the class."""
        return self.share(self.own)

    def share(self, place: int) -> float:
        """The share of them that is taken for the class at this place."""
        return self.counts[place] / (sum(self.counts) or 1.0)


def class_rows(document: SearchDocument) -> list[ClassRow]:
    """A row for each class; none before the verdict, and for problems without single classes."""
    verdict = document.verdict
    if verdict is None or not verdict.recommended.confusion:
        return []
    own, usual = verdict.recommended, verdict.usual
    apart = usual is not None and usual.number != own.number
    theirs = usual.confusion if usual is not None and apart else ()
    names = document.task.classes
    return [
        ClassRow(
            names[place] if place < len(names) else f"class {place}",
            counts,
            place,
            theirs[place][place] / (sum(theirs[place]) or 1.0) if theirs else None,
        )
        for place, counts in enumerate(own.confusion)
    ]
