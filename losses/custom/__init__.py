"""A user's own loss: declared, loaded from a file, made a term of the family; and errors in users' code."""

from .adopted import adopt
from .declared import as_part, declare
from .places import fingerprints, load_loss
from .user_code import (
    in_user_code,
    is_users,
    load_file,
    neighbours_of,
    user_error,
    user_modules,
    user_traceback,
)

__all__ = [
    "adopt",
    "as_part",
    "declare",
    "fingerprints",
    "in_user_code",
    "is_users",
    "load_file",
    "load_loss",
    "neighbours_of",
    "user_error",
    "user_modules",
    "user_traceback",
]
