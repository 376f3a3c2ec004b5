"""What a loss is: parts, the family they form, its points, and frozen losses. Needs torch alone."""

from .checks import Audit, AuditFinding, Health, audit, health, healths
from .custom import declare
from .declarations import Kind, Parameter, Part, Standard
from .errors import UserError
from .family import Family, part, parts, parts_for, register
from .frozen import FrozenLoss, freeze, load_frozen, source, standard_loss
from .spec import BoundLoss, LossSpec, formula, latex, standard_spec, standard_specs

__all__ = [
    "Audit",
    "AuditFinding",
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
    "audit",
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
