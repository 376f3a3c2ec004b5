"""The kinds of problem: one file each, with everything about a kind that others would branch on."""

from .probability import log_likelihood
from .problem_kind import Counts, Kind, ProblemKind
from .quantity import Quantity
from .registry import KINDS, kind_named, register_kind

__all__ = [
    "KINDS",
    "Counts",
    "Kind",
    "ProblemKind",
    "Quantity",
    "kind_named",
    "log_likelihood",
    "register_kind",
]
