"""How parts become one function: quantities, steps, plans, the registry of parts, and the check of inputs."""

from .family import Family
from .fusing import fused
from .inputs import check_weight, ignored, shaped, weighed
from .planning import plan
from .registry import formulas, own_parts, parameter_named, part, parts, parts_for, register, registered
from .steps import MIX, Step, in_full_precision, inputs_of, run
from .user_term import UserTerm

__all__ = [
    "MIX",
    "Family",
    "Step",
    "UserTerm",
    "check_weight",
    "formulas",
    "fused",
    "ignored",
    "in_full_precision",
    "inputs_of",
    "own_parts",
    "parameter_named",
    "part",
    "parts",
    "parts_for",
    "plan",
    "register",
    "registered",
    "run",
    "shaped",
    "weighed",
]
