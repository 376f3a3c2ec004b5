"""A search from its SPEC to its last unit, here or on a cluster; its front doors stand in `experiments`."""

from .workdir import Places, open_store, places

__all__ = ["Places", "open_store", "places"]
