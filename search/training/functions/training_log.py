"""Where single trainings are kept as they end, so that a search which is killed goes on from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ...records.typed_json import Document


class TrainingLog(Protocol):
    """The trainings of one search that have ended since its last unit was kept."""

    def trainings(self) -> Mapping[str, Document]:
        """What came of each training, by its key."""

    def keep_training(self, key: str, document: Document) -> None:
        """Keep what came of a training; a key that is there already is left as it is. Threads may call it.

        Args:
            key: The key of the training.
            document: What came of it, as plain JSON.
        """


class NoLog:
    """A log that keeps nothing: every training is executed."""

    def trainings(self) -> Mapping[str, Document]:
        """Nothing."""
        return {}

    def keep_training(self, key: str, document: Document) -> None:
        """Nothing."""
