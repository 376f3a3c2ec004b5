"""Ctrl-C while a search runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .commands import Given, command


class Interrupted(Exception):  # noqa: N818  (not an error: the user asked for it)
    """A search was interrupted; the message says how to go on."""


@contextmanager
def resumable(name: str | None, given: Given) -> Iterator[None]:
    """Turns Ctrl-C into `Interrupted`, with the command that goes on.

    A search without a name gets one when it begins; whoever runs it hands that on in an attribute `search`
    of the KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        known = getattr(error, "search", None) or name
        resume = (
            command("resume", known, given=given)
            if known
            else f"its name, which {command('list', given=given)} shows"
        )
        raise Interrupted(f"interrupted; nothing finished is lost; resume with: {resume}") from error
