"""What a loss is: parts, the family they form, its points, and frozen losses. Needs torch alone."""

from .errors import UserError
from .family import Family
from .formula import formula, latex
from .freeze import FrozenLoss, freeze
from .health import Health, health, healths
from .load import load_frozen
from .own import declare
from .parts import Kind, Parameter, Part, Standard
from .registry import part, parts, parts_for, register
from .source import source
from .spec import LossSpec
from .standard import standard_loss, standard_spec, standard_specs

__all__ = [
    "Family",
    "FrozenLoss",
    "Health",
    "Kind",
    "LossSpec",
    "Parameter",
    "Part",
    "Standard",
    "UserError",
    "declare",
    "formula",
    "freeze",
    "health",
    "healths",
    "latex",
    "load_frozen",
    "part",
    "parts",
    "parts_for",
    "register",
    "source",
    "standard_loss",
    "standard_spec",
    "standard_specs",
]
