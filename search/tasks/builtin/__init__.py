"""The built-in tasks: those of the files beside this one that have a function `task`."""

from .registry import built_in, built_in_task

__all__ = ["built_in", "built_in_task"]
