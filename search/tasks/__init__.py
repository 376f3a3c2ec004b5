"""What a user brings: a task with its data and splits, or a training function."""

from .constants import Constants, constants_of
from .functions import TrainingFunction, TrialHandle, own_training
from .load import check_subject, load_task
from .splits import Folds, Split, final_split, split_for
from .standard_losses import standards
from .subject import Subject
from .task import Task
from .task_record import FunctionRecord, TaskRecord

__all__ = [
    "Constants",
    "Folds",
    "FunctionRecord",
    "Split",
    "Subject",
    "Task",
    "TaskRecord",
    "TrainingFunction",
    "TrialHandle",
    "check_subject",
    "constants_of",
    "final_split",
    "load_task",
    "own_training",
    "split_for",
    "standards",
]
