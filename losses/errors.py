"""The one error a user can cause."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """Input that breaks a rule.

    The message is one line that states the rule, the value that broke it and the remedy. The command
    line prints it as it stands and exits with status 2. `detail` holds further lines where an error in the
    user's own code has a traceback to show.
    """

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail
        if detail:
            self.add_note(detail)  # Python and notebooks print notes below the message


def unknown(what: str, name: object, known: Iterable[str]) -> UserError:
    """The error for a name that is not among `known`, with the nearest matches."""
    names = sorted(known)
    near = get_close_matches(str(name), names, n=3, cutoff=0.5)
    remedy = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(names)}"
    return UserError(f"unknown {what} {str(name)!r}: {remedy}")
