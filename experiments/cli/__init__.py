"""The command line. Commands import what they need when they run, so `lossmith --help` answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import TextIOWrapper

__all__ = ["main"]

USER_ERROR, FAILURE, INTERRUPTED = 2, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    2 is a user's mistake, 1 a failure and 130 an interruption. Each is said in one line on standard error
    but not that nobody reads standard output any more, as after `| head`.

    Args:
        arguments: The words after `lossmith`; None takes those of the process, which is over then.
    """
    try:
        return _run(sys.argv[1:] if arguments is None else list(arguments))
    finally:
        if arguments is None:
            _leave_stdout()


def _run(arguments: list[str]) -> int:
    try:
        from .app import app
        from .output import quiet_warnings

        if isinstance(sys.stdout, TextIOWrapper):  # a path need not be text, and is printed byte by byte
            sys.stdout.reconfigure(errors="surrogateescape")
        with quiet_warnings():
            status = app(arguments or ["--help"], prog_name="lossmith", standalone_mode=False)
        if status == INTERRUPTED:  # typer swallows Ctrl-C; the commands that train speak of it themselves
            _say("interrupted")
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # click ends with the same status where it sees it first
        return FAILURE
    except Exception as error:  # noqa: BLE001  (the last line of defence: nobody should have to read a traceback)
        return _explain(error, arguments)


def _explain(error: Exception, arguments: Sequence[str]) -> int:
    from .interrupted import Interrupted

    if isinstance(error, Interrupted):
        _say(str(error))
        return INTERRUPTED
    if os.environ.get("LOSSMITH_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    if usage := _usage(error, arguments):
        _say(f"error: {usage}")
        return USER_ERROR
    # A user's mistake is known by its class, whose module has been imported if it was raised.
    errors = sys.modules.get("lossmith.losses.errors")
    if errors is not None and isinstance(error, errors.UserError):
        _say(f"error: {error}")
        if error.detail:
            sys.stderr.write(f"{error.detail}\n")
        return USER_ERROR
    hint = "" if os.environ.get("LOSSMITH_TRACEBACK") else "; LOSSMITH_TRACEBACK=1 shows where"
    _say(f"failed: {type(error).__name__}: {str(error)[:500]}{hint}")
    return FAILURE


def _usage(error: Exception, arguments: Sequence[str]) -> str | None:
    """What was wrong with the command line itself, and whose help says more."""
    message = getattr(error, "format_message", None)
    if message is None:
        return None
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "lossmith"
    said = str(message())[:500].rstrip(".")
    value = next(_values(getattr(getattr(error, "param", None), "opts", ()), arguments), None)
    got = "" if value is None or value in said.split() else f", but got {value[:100]!r}"
    return f"{said}{got}; see {command} --help"


def _values(options: Sequence[str], arguments: Sequence[str]) -> Iterator[str]:
    """What the command line gives an option that goes by one of these names."""
    for word, following in zip(arguments, (*arguments[1:], ""), strict=True):
        option, equals, value = word.partition("=")
        if option in options and option.startswith("-"):
            yield value if equals else following


def _say(message: str) -> None:
    """One line on standard error, whatever the message holds."""
    with suppress(OSError):  # nobody reads it
        sys.stderr.write(" ".join(message.split()) + "\n")


def _leave_stdout() -> None:
    """What is printed while the process ends goes to standard error: the result is written."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError):  # one of the two is closed
        os.dup2(2, 1)
