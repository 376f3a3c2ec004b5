"""The log of the program itself, for those who ask for it."""

from __future__ import annotations

import logging
import os

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def start_log() -> None:
    """Log to standard error what `LOSSMITH_LOG` asks for; nothing without it.

    Every module logs under `lossmith`, so a program that imports lossmith configures that logger as its own.

    Raises:
        UserError: The variable names no level.
    """
    wanted = os.environ.get("LOSSMITH_LOG")
    if not wanted:
        return
    if wanted.upper() not in LEVELS:
        from ...losses.errors import unknown

        raise unknown("level in LOSSMITH_LOG", wanted, LEVELS)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("lossmith")
    logger.addHandler(handler)
    logger.setLevel(wanted.upper())
