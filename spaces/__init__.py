"""Which losses, and which numbers of a recipe, a search may propose."""

from .domain import Domain
from .extend import extended
from .parse import auto, own_terms, preset, presets, space_from
from .recipe import LEARNING_RATE, Recipe
from .space import Space
from .widen import edges, widened

__all__ = [
    "LEARNING_RATE",
    "Domain",
    "Recipe",
    "Space",
    "auto",
    "edges",
    "extended",
    "own_terms",
    "preset",
    "presets",
    "space_from",
    "widened",
]
