"""The report of a search in a store, as text and as a file."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from ...losses.errors import UserError, require
from ..results.output_path import output_path
from ..results.reading import SearchReading
from ..results.recommendation import Answer
from ..store import Store, check_name

REPORT_NEEDS = ("jinja2", "plotly")  # the packages of the extra `report`


def report_html(store: Store, name: str) -> str:
    """Write the page of a search as it stands; no code of the task runs.

    Args:
        store: Where the search is kept.
        name: Its name.

    Raises:
        UserError: There is no such search, or a package of the report is not installed.
    """
    for package in REPORT_NEEDS:
        require(package, "a report")
    from .page import page

    reading = SearchReading.of(store, name)
    reading.require_terms()
    return page(reading.document(), answer_of(reading))


def write_report(store: Store, name: str, path: str | Path) -> Path:
    """Write the page of a search into a file, wholly or not at all; an older one is replaced.

    Args:
        store: Where the search is kept.
        name: Its name.
        path: The file.

    Returns:
        The file's absolute path.

    Raises:
        UserError: There is no such search, or the file is a directory or cannot be written.
    """
    check_name(name)
    target = output_path(path, "a report")
    if target.is_dir():
        raise UserError(
            f"a report must go into a file, but {target} is a directory; add a name such as {name}.html"
        )
    if target.exists() and not target.is_file():  # a device must not be replaced by a page
        raise UserError(f"a report must go into a file, but {target} is none; choose another with --to")
    text = report_html(store, name)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(target)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise UserError(
            f"a report must go where it can be written, but {target} cannot be: "
            f"{(error.strerror or str(error)).lower()}; choose another file with --to"
        ) from error
    return target


def answer_of(reading: SearchReading) -> Answer | None:
    """What to train with, or None where no trial is complete yet."""
    try:
        return reading.answer()
    except UserError:
        return None
