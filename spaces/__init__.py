"""Which losses may be searched."""

from .domain import Domain
from .extend import opened
from .parse import auto, own_terms, preset, presets, space_from
from .space import LEARNING_RATE, Space

__all__ = [
    "LEARNING_RATE",
    "Domain",
    "Space",
    "auto",
    "opened",
    "own_terms",
    "preset",
    "presets",
    "space_from",
]
