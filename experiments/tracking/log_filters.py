"""Keeps what MLflow says about itself off the terminal, where a progress display stands."""

from __future__ import annotations

import logging
import os

THREAD_PREFIX = "lossmith-mlflow"

# Libraries that MLflow has talk to the terminal; a filter on a logger does not reach the loggers below it.
_LOGGERS = ("alembic.runtime.migration", "alembic.runtime.plugins", "urllib3.connectionpool")

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output belongs to --json
    # Trials wait in the store, so a request that fails is better reported and repeated by the tracker.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


class _NotFromTheTracker(logging.Filter):
    """Drops records of the tracker's thread; a user's own use of MLflow in other threads stays as it was."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.threadName or "").startswith(THREAD_PREFIX)


def set_environment() -> None:
    """Defaults that MLflow reads while it is imported; what a user has set stays."""
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)


def silence() -> None:
    """Drop the log records of the tracker's thread. Call it once MLflow, imported, has made its handlers."""
    silencer = _NotFromTheTracker()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    handlers = [handler for name in ("mlflow", "alembic") for handler in logging.getLogger(name).handlers]
    for place in (*loggers, *handlers):
        if not any(isinstance(known, _NotFromTheTracker) for known in place.filters):
            place.addFilter(silencer)
