"""Who trains the candidates of a cohort."""

from .cohort_trainer import Trainer
from .program import CohortProgram, Job, Program, RemoteProgram, Stopped, WorkerError, WorkerPool
from .runner import Runner

__all__ = [
    "CohortProgram",
    "Job",
    "Program",
    "RemoteProgram",
    "Runner",
    "Stopped",
    "Trainer",
    "WorkerError",
    "WorkerPool",
]
