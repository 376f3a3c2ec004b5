"""An error in code that a user brought, shown as their traceback and nobody else's."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..losses.errors import UserError

_OURS = Path(__file__).resolve().parent.parent
_FOLDERS = tuple(str(_OURS / name) for name in ("losses", "spaces", "search", "experiments"))
_INSTALLED = tuple(
    dict.fromkeys(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
)


def their_traceback(error: BaseException) -> str:
    """The error with the frames of the user's own files: not ours, not of installed packages.

    Several lines, as Python writes them; the last says what was raised. An error that passed through none
    of their files is that last line alone.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_theirs(frame.filename)]
    head = ["Traceback (their own frames):\n", *traceback.format_list(frames)] if frames else []
    return "".join([*head, *traceback.format_exception_only(error)]).rstrip()


def is_theirs(filename: str) -> bool:
    """Whether a frame's file belongs to neither lossmith, nor Python, nor an installed package."""
    if filename.startswith("<"):
        return filename.startswith(("<ipython", "<stdin"))
    path = str(Path(filename).resolve())
    return not path.startswith((*_FOLDERS, *_INSTALLED, sys.base_prefix + "/lib/python"))


def theirs(message: str, error: BaseException, parameters: Mapping[str, object] | None = None) -> UserError:
    """The `UserError` for an error in their code; parameters and traceback are its detail."""
    place = _place(error)
    said = f"{message}: {type(error).__name__}: {' '.join(str(error).split())[:200]}{place}"
    # Without a frame of theirs the traceback is its last line, which has just been said.
    shown = [their_traceback(error)] if place else []
    return UserError(said, detail="\n".join([*_with(parameters), *shown]))


@contextmanager
def in_their_code(message: str, parameters: Mapping[str, object] | None = None) -> Iterator[None]:
    """Within it an error that their code raises becomes a `UserError` with their traceback; others pass."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not _place(error):
            raise
        raise theirs(message, error, parameters) from error


def _place(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_theirs(frame.filename)]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def _with(parameters: Mapping[str, object] | None) -> Iterator[str]:
    if parameters:
        yield f"with {', '.join(f'{name}={_short(value)}' for name, value in parameters.items())}"


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
