"""A point of the family: its record, canonical form, formula, and the standard losses."""

from .canonical import part_and_parameter, terms_of
from .formulas import formula, latex
from .html import loss_html, table_html
from .loss_spec import BoundLoss, LossSpec, checked_counts
from .standard_losses import standard_parameters, standard_spec, standard_specs

__all__ = [
    "BoundLoss",
    "LossSpec",
    "checked_counts",
    "formula",
    "latex",
    "loss_html",
    "part_and_parameter",
    "standard_parameters",
    "standard_spec",
    "standard_specs",
    "table_html",
    "terms_of",
]
