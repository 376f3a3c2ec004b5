"""What a loss is: parts, the family they form, its points, and frozen losses. Needs torch alone."""

from .errors import UserError
from .family import Family
from .formula import formula
from .freeze import FrozenLoss, freeze
from .load import load_frozen
from .parts import Kind, Parameter, Part
from .registry import part, parts, parts_for
from .source import source
from .spec import LossSpec
from .standard import standard_loss, standard_spec, standard_specs

__all__ = [
    "Family",
    "FrozenLoss",
    "Kind",
    "LossSpec",
    "Parameter",
    "Part",
    "UserError",
    "formula",
    "freeze",
    "load_frozen",
    "part",
    "parts",
    "parts_for",
    "source",
    "standard_loss",
    "standard_spec",
    "standard_specs",
]
