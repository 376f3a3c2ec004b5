"""Worker processes on this machine."""

from .process_pool import ProcessPool, can_fork

__all__ = ["ProcessPool", "can_fork"]
