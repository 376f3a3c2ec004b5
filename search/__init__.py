"""How losses are searched: tasks, engines, samplers, phases."""

import logging

from ..spaces.recipe import Recipe
from .method.pipeline import Conclusion, conduct
from .proposals.proposer import Proposer
from .records import Candidate, Ledger, MemoryLedger, Outcome, Plan, Repeat, Trial, Unit
from .tasks.functions.training_function import TrainingFunction, own_training
from .tasks.functions.trial_handle import TrialHandle
from .tasks.load import load_task
from .tasks.task import Task

__all__ = [
    "Candidate",
    "Conclusion",
    "Ledger",
    "MemoryLedger",
    "Outcome",
    "Plan",
    "Proposer",
    "Recipe",
    "Repeat",
    "Task",
    "TrainingFunction",
    "Trial",
    "TrialHandle",
    "Unit",
    "conduct",
    "load_task",
    "own_training",
]

# A library logs nowhere until its user says where.
logging.getLogger("lossmith").addHandler(logging.NullHandler())
