"""The command line. Commands import what they need when they run, so `lossmith --help` answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

USER_ERROR, FAILURE, INTERRUPTED = 2, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; `arguments` default to those of the process.

    2 is a user's mistake, 1 a failure and 130 an interruption. Each is said in one line on standard error.
    """
    try:
        from .app import app

        given = sys.argv[1:] if arguments is None else list(arguments)
        status = app(given or ["--help"], prog_name="lossmith", standalone_mode=False)
        if status == INTERRUPTED:  # typer swallows Ctrl-C; the commands that train speak of it themselves
            _say("interrupted")
        return status if isinstance(status, int) else 0
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  (the last line of defence: nobody should have to read a traceback)
        return _explain(error)


def _explain(error: Exception) -> int:
    from .interrupted import Interrupted

    if isinstance(error, Interrupted):
        _say(str(error))
        return INTERRUPTED
    if os.environ.get("LOSSMITH_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    if usage := _usage(error):
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
    _say(f"failed: {type(error).__name__}: {error}{hint}")
    return FAILURE


def _usage(error: Exception) -> str | None:
    """What was wrong with the command line itself, and whose help says more."""
    message = getattr(error, "format_message", None)
    if message is None:
        return None
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "lossmith"
    return f"{str(message()).rstrip('.')}; see {command} --help"


def _say(message: str) -> None:
    """One line on standard error, whatever the message holds."""
    sys.stderr.write(" ".join(message.split()) + "\n")
