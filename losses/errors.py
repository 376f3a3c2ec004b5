"""The one error a user can cause, and how its line is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

# The extra of lossmith that installs a package which the core does without.
EXTRA_OF = {
    "ray": "ray",
    "mlflow": "mlflow",
    "plotly": "report",
    "jinja2": "report",
    "pandas": "tables",
    "pyarrow": "tables",
    "aiohttp": "cluster",
    "psycopg": "cluster",
}


class UserError(ValueError):
    """Input that breaks a rule.

    The command line prints the message as it stands and exits with status 2.

    Args:
        message: One line: the rule, the value that broke it and the remedy. No more than `LONGEST` characters
            are kept.
        detail: Further lines, where an error in the user's own code has a traceback to show.
    """

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(bounded(message))
        self.detail = detail
        if detail:
            self.add_note(detail)  # Python and notebooks print notes below the message


def unknown(what: str, name: object, known: Iterable[str]) -> UserError:
    """The error for a name that is not among `known`, with the nearest matches.

    Args:
        what: What has a name, in the singular: "metric".
        name: The name that was given.
        known: The names that there are.
    """
    names = sorted(known)
    by_folded = {known.casefold(): known for known in reversed(names)}
    folded = get_close_matches(str(name)[:200].casefold(), by_folded, n=3, cutoff=0.5)
    near = [by_folded[match] for match in folded]
    near = [name if name == name.strip() else repr(name) for name in near]  # outer blanks would not be seen
    remedy = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(names)}"
    return UserError(f"unknown {what} {one_line(str(name), 100)!r}: {remedy}")


LONGEST = 600  # characters of a message: a value may have millions
# The beginning of a long value in quotes, or of a long word or number, and the rest of it.
_LONG_VALUE = re.compile(r"""(?<!\w)((['"])[^'"]{100})[^'"]{40,}(?=\2(?!\w))|(\w{100})\w{40,}""")


def bounded(message: str) -> str:
    """The message in at most `LONGEST` characters: its rule, which comes first, and its remedy at the end.

    Of long values the beginning stays.
    """
    shown = _LONG_VALUE.sub(lambda found: f"{found[1] or found[3]}...", message)
    if len(shown) <= LONGEST:
        return shown
    return f"{shown[: 2 * LONGEST // 3]} ... {shown[-LONGEST // 4 :]}"


def one_line(said: object, limit: int = 200) -> str:
    """Write a text, an error or a value in one line of at most `limit` characters.

    Args:
        said: Whatever `str` makes readable; of a long text no more is read than the line can hold.
        limit: The length of the line in characters, its "..." included where something is left out.
    """
    try:
        text = str(said)
    except Exception:  # noqa: BLE001  (a class of a user's, or an integer of more digits than Python writes)
        text = f"{type(said).__name__} that cannot be written"
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit and len(text) <= 4 * limit else f"{line[: limit - 3]}..."


def number_hint(value: object) -> str:
    """Return the remedy for a number that arrived as text, to end a line with; "" for anything else.

    YAML takes 1e-3, without a point, for text.

    Args:
        value: What stands where a number should.
    """
    try:
        number = repr(float(value)) if isinstance(value, str) else ""
    except ValueError:
        return ""
    return f"; write {number if '.' in number else number.replace('e', '.0e')}" if number else ""


def shown(value: object, limit: int = 60) -> str:
    """Write a value in one line as Python would, even where its own way of being written raises.

    Args:
        value: Anything.
        limit: Characters of the line, at most.
    """
    try:
        return one_line(repr(value), limit)
    except Exception:  # noqa: BLE001  (the same)
        return one_line(value, limit)


def require(package: str, purpose: str) -> ModuleType:
    """Import a package that an extra of lossmith installs.

    Args:
        package: Its name as it is imported, a key of `EXTRA_OF`.
        purpose: What needs it, as the beginning of a sentence: "a report".

    Raises:
        UserError: The package is not installed; the line names the command that installs it.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:  # it is there, and lacks something itself
            raise
        raise missing(package, purpose) from None


def missing(package: str, purpose: str) -> UserError:
    """The error for a package that is not installed; see `require`.

    Args:
        package: A key of `EXTRA_OF`.
        purpose: What needs the package, as the beginning of a sentence.
    """
    return UserError(f"{purpose} needs the package {package}, which is not installed: {install(package)}")


def install(package: str) -> str:
    """The command that installs a package of `EXTRA_OF`."""
    return f'pip install "lossmith[{EXTRA_OF[package]}]"'


def installed(*packages: str) -> bool:
    """Whether all these packages can be imported. Imports none of them."""
    try:
        return all(find_spec(package) is not None for package in packages)
    except (ImportError, ValueError):  # ValueError: a module that somebody made by hand
        return False
