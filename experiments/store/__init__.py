"""What is kept of searches, in one database that every machine of a team can share."""

from .engine import check_url, shown, store_exists
from .ledger import StoreLedger
from .owner import new_owner
from .records import RunNotes, SearchRecord, Status, StoredTrial
from .retrying import patient
from .store import AlreadySaved, ClaimLost, DamagedSearch, Store, check_name

__all__ = [
    "AlreadySaved",
    "ClaimLost",
    "DamagedSearch",
    "RunNotes",
    "SearchRecord",
    "Status",
    "Store",
    "StoreLedger",
    "StoredTrial",
    "check_name",
    "check_url",
    "new_owner",
    "patient",
    "shown",
    "store_exists",
]
