"""Training by a user's own function."""

from .local import local_function
from .rehearse import rehearsed
from .trainer import FunctionTrainer
from .training_log import TrainingLog

__all__ = ["FunctionTrainer", "TrainingLog", "local_function", "rehearsed"]
