"""The pictures of a report: each a pure function of the document, `None` where there is nothing to show.

The document is that of `report_document`; what `lossmith show --json` prints does for most of them.
"""

from .insight import ablation, importance, sensitivity
from .learning import learning
from .shape import shape_gradient, shape_loss
from .trials import headroom, history, parallel, thinning
from .verdict import verdict

__all__ = [
    "ablation",
    "headroom",
    "history",
    "importance",
    "learning",
    "parallel",
    "sensitivity",
    "shape_gradient",
    "shape_loss",
    "thinning",
    "verdict",
]
