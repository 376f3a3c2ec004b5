"""Where a command was told to write."""

from __future__ import annotations

from pathlib import Path

from ...losses.errors import UserError, one_line


def output_path(path: str | Path, what: str) -> Path:
    """Make a path absolute that a file or a folder is to be written to.

    Args:
        path: As the user wrote it; ~ is the home.
        what: What is to be written, as the beginning of the error: "a report".

    Raises:
        UserError: No file can have the path: it is too long, holds NUL, leads through links without an end,
            or names the home of nobody.
    """
    try:
        target = Path(path).expanduser().absolute()
        target.resolve()
        target.exists()
    except (OSError, RuntimeError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UserError(
            f"{what} must go where it can be written, but {one_line(path)} cannot be ({one_line(why, 80)}); "
            "choose another with --to"
        ) from None
    return target
