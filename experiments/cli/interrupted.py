"""Ctrl-C while a search runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .commands import Given, command


class Interrupted(Exception):  # noqa: N818  (not an error: the user asked for it)
    """A search was interrupted; the message says how to go on."""


@contextmanager
def resumable(name: str | None, given: Given) -> Iterator[None]:
    """Turn Ctrl-C into `Interrupted`, with the command that goes on.

    Args:
        name: The search, where it is in the store already. One that is new is named, from the moment it is in
            the store, by the attribute `search` of the KeyboardInterrupt.
        given: Where searches are kept.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        known = getattr(error, "search", None) or name
        if known is None:
            raise Interrupted("interrupted before the search began; nothing is kept of it") from error
        resume = command("resume", known, given=given)
        raise Interrupted(f"interrupted; nothing finished is lost; resume with: {resume}") from error
