"""A store keeps what every ledger keeps."""

from __future__ import annotations

import pytest

from lossmith.experiments.store import Store
from lossmith.experiments.store.ledger import StoreLedger
from lossmith.search.records import Ledger
from lossmith.search.testing import LedgerSuite


class TestStoreLedger(LedgerSuite):
    """On every database that the store is tested on."""

    store: Store
    owner: str

    @pytest.fixture(autouse=True)
    def opened(self, store: Store, owner: str) -> None:
        """An empty store."""
        self.store, self.owner = store, owner

    def make(self) -> Ledger:
        """The ledger of a new search."""
        record = self.store.create("suite", {"name": "suite"}, {"name": "clouds"}, 0, self.owner)
        return StoreLedger(self.store, record.id, self.owner)
