"""The protocol of a search: headroom, explore, race, verdict, and what can be learnt from it."""

from .budget import Trainings
from .context import SearchContext
from .headroom import Tuned
from .pipeline import Conclusion, conduct, proposer_for
from .race import Finalists

__all__ = [
    "Conclusion",
    "Finalists",
    "SearchContext",
    "Trainings",
    "Tuned",
    "conduct",
    "proposer_for",
]
