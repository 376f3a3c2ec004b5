"""One training by a user's function: what it is given, what it reports, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from ....losses import freeze
from ....losses.custom.user_code import their_traceback
from ....losses.errors import UserError
from ...random_streams import stream_seed
from ...records import Candidate, Repeat
from ...tasks.functions.metric_value import healthy, number
from ...tasks.functions.training_function import TrainingFunction
from ...tasks.functions.trial_handle import Part, Pruned, TrialHandle
from .sandbox import seeded, silent


@dataclass(frozen=True)
class FunctionJob:
    """One training of a candidate on a repeat.

    Args:
        candidate: The loss and its recipe.
        repeat: Seed, fold and partition, as the search counts them.
        seed: The search's seed.
        fold: What the function is told: the fold's number, how many folds there are, the partition.
        part: What the function is to score on.
        reports: After how many reports to stop; None: at the end.
    """

    candidate: Candidate
    repeat: Repeat
    seed: int
    fold: tuple[int, int, int] = (0, 5, 0)
    part: Part = "validation"
    reports: int | None = None

    @property
    def stream(self) -> int:
        """The seed of every random stream, which all candidates of a repeat share: comparisons are paired."""
        return stream_seed(self.seed, "own", self.repeat.seed) % 2**31


@dataclass(frozen=True)
class FunctionResult:
    """What came of one training.

    Args:
        value: The score; not finite where the training diverged or raised.
        curve: Each report as (epoch, value).
        fault: Why the candidate diverged; None where it did not.
        trace: The traceback of an error, cut to the frames of the user's files.
    """

    value: float
    curve: tuple[tuple[int, float], ...] = ()
    fault: str | None = None
    trace: str | None = None


def run_training(training: TrainingFunction, job: FunctionJob) -> FunctionResult:
    """Execute one training in this process.

    Raises:
        UserError: The function returns or reports something that is no number, whatever the loss.
    """
    curve: list[tuple[int, float]] = []

    def listen(epoch: int, value: float) -> bool:
        curve.append((epoch, value))
        return healthy(value) and (job.reports is None or len(curve) < job.reports)

    loss = freeze(training.bound(job.candidate.spec))
    _move_with_outputs(loss)
    trial = trial_handle(job, listen)
    try:
        with seeded(job.stream), silent():
            value = number(training.train(loss, trial), "train must return")
    except Pruned:
        value = curve[-1][1]
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  (whatever it is, the search goes on without this trial)
        said = f"raised {type(error).__name__}: {' '.join(str(error).split())[:160]}"
        return FunctionResult(float("nan"), tuple(curve), said, their_traceback(error))
    return FunctionResult(value, tuple(curve), None if healthy(value) else "nan as the score")


def trial_handle(job: FunctionJob, listener: Callable[[int, float], bool]) -> TrialHandle:
    """The handle that the function is called with.

    A recipe that stops early is told as one of fewer epochs: the function need not know of it.

    Args:
        job: The training.
        listener: Called with each report; answers whether to go on.
    """
    recipe = job.candidate.recipe
    return TrialHandle(
        replace(recipe, epochs=recipe.trained_epochs, stop_after=1.0),
        seed=job.stream,
        fold=job.fold,
        part=job.part,
        parameters=job.candidate.spec.parameters,
        listener=listener,
    )


def _move_with_outputs(loss: nn.Module) -> None:
    """Have the loss move to the device of the first outputs, whichever the function has chosen."""

    def move(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        handle.remove()
        if inputs and isinstance(inputs[0], Tensor):
            module.to(inputs[0].device)

    handle = loss.register_forward_pre_hook(move)
