"""Training by a user's own function."""

from .local import local_function
from .rehearse import rehearsed
from .trainer import FunctionTrainer

__all__ = ["FunctionTrainer", "local_function", "rehearsed"]
