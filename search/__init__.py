"""How losses are searched: tasks, engines, samplers, phases."""

from .conduct import Conclusion, conduct
from .ledger import Ledger, MemoryLedger, Unit
from .own.training import OwnTraining, own_training
from .own.trial import OwnTrial
from .plan import Plan
from .recipe import Recipe
from .search import Search
from .task import Task
from .tasks.load import load_task
from .trial import Candidate, Outcome, Repeat, Trial

__all__ = [
    "Candidate",
    "Conclusion",
    "Ledger",
    "MemoryLedger",
    "Outcome",
    "OwnTraining",
    "OwnTrial",
    "Plan",
    "Recipe",
    "Repeat",
    "Search",
    "Task",
    "Trial",
    "Unit",
    "conduct",
    "load_task",
    "own_training",
]
