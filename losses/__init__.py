"""What a loss is: parts, the family they form, its points, and frozen losses. Needs torch alone."""

from .checks import Health, health, healths
from .custom import declare
from .declarations import Kind, Parameter, Part, Standard
from .errors import UserError
from .family.family import Family
from .family.registry import part, parts, parts_for, register
from .frozen.frozen_loss import FrozenLoss, freeze
from .frozen.load import load_frozen
from .frozen.source_code import source
from .frozen.standard import standard_loss
from .spec.formulas import formula, latex
from .spec.loss_spec import BoundLoss, LossSpec
from .spec.standard_losses import standard_spec, standard_specs

__all__ = [
    "BoundLoss",
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
