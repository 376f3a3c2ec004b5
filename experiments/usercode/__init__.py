"""Files of a user's code: kept with a search, and trusted by whom."""

from .bundle import (
    keep_tables,
    pack,
    table_files,
    task_file,
    term_files,
    transfer_files,
    unpack_for_reading,
    unpack_for_resume,
)
from .trusted_files import trust, untrusted

__all__ = [
    "keep_tables",
    "pack",
    "table_files",
    "task_file",
    "term_files",
    "transfer_files",
    "trust",
    "unpack_for_reading",
    "unpack_for_resume",
    "untrusted",
]
