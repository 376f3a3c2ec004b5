"""The SPEC: what a user writes to ask for a search, checked before anything runs."""

from .durations import by_phase, format_duration, parse_duration
from .loading import load_spec
from .search_spec import SearchSpec
from .table import TableSpec, asked

__all__ = [
    "SearchSpec",
    "TableSpec",
    "asked",
    "by_phase",
    "format_duration",
    "load_spec",
    "parse_duration",
]
