"""A user's own training function, as it is declared."""

from .from_spec import from_settings, is_training
from .rehearsal import Rehearsal
from .training_function import TrainingFunction, own_training
from .trial_handle import Part, Pruned, TrialHandle

__all__ = [
    "Part",
    "Pruned",
    "Rehearsal",
    "TrainingFunction",
    "TrialHandle",
    "from_settings",
    "is_training",
    "own_training",
]
