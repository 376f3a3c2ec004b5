"""The store as the ledger of one search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...search.records import Phase, Unit
from ...search.records.typed_json import Document
from .store import Store


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class StoreLedger:
    """The ledger of one search, kept in a store by its owner.

    Attributes:
        store: Where units are kept.
        search_id: The number of the search in the store.
        owner: Who runs the search; another's units are refused.
        kept: Called after each unit, so that trackers wake up.
    """

    store: Store
    search_id: int
    owner: str
    kept: Callable[[], None] = _nothing

    def find(self, phase: Phase, index: int) -> Unit | None:
        """The unit, if it was finished."""
        return self.store.unit(self.search_id, phase, index)

    def trainings(self) -> Mapping[str, Document]:
        """The trainings of a user's own function since the last unit, by key."""
        return self.store.trainings(self.search_id)

    def keep_training(self, key: str, document: Document) -> None:
        """Keep one such training."""
        self.store.save_training(self.search_id, key, document, self.owner)

    def keep(self, unit: Unit) -> None:
        """Keep a finished unit, wholly or not at all."""
        self.store.save_unit(self.search_id, unit, self.owner)
        self.kept()
