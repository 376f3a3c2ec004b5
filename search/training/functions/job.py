"""One training by a user's own function: what it is given, what is listened for, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from ....losses import freeze
from ....losses.custom.user_code import their_traceback
from ....losses.errors import UserError
from ...random_streams import stream_seed
from ...records.trial import Candidate, Repeat
from ...tasks.functions.metric_value import healthy, number
from ...tasks.functions.training_function import TrainingFunction
from ...tasks.functions.trial_handle import Part, Pruned, TrialHandle
from .sandbox import alone, quiet


@dataclass(frozen=True)
class FunctionJob:
    """One training that is wanted: a candidate on a repeat, to its end or for `reports` reports.

    `fold` is what the trial is told of it: number, count and partition.
    """

    candidate: Candidate
    repeat: Repeat
    seed: int
    fold: tuple[int, int, int] = (0, 5, 0)
    part: Part = "validation"
    reports: int | None = None

    @property
    def stream(self) -> int:
        """The seed of every random stream; candidates share that of a repeat, so comparisons are paired."""
        return stream_seed(self.seed, "own", self.repeat.seed) % 2**31


@dataclass(frozen=True)
class FunctionResult:
    """What came of it: a score, NaN with a `fault` where it diverged or its code raised.

    `curve` holds what was reported, (epoch, value); `trace` the traceback of an error, cut to their frames.
    """

    value: float
    curve: tuple[tuple[int, float], ...] = ()
    fault: str | None = None
    trace: str | None = None


def run_training(training: TrainingFunction, job: FunctionJob) -> FunctionResult:
    """Train once. What the loss cannot be blamed for raises `UserError`; the rest is its fault."""
    curve: list[tuple[int, float]] = []

    def listen(epoch: int, value: float) -> bool:
        curve.append((epoch, value))
        return healthy(value) and (job.reports is None or len(curve) < job.reports)

    loss = freeze(training.bound(job.candidate.spec))
    _follow_outputs(loss)
    trial = trial_of(job, listen)
    try:
        with alone(job.stream), quiet():
            value = number(training.train(loss, trial), "train must return")
    except Pruned:
        value = curve[-1][1]
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  (whatever it is, the search goes on without this trial)
        said = f"raised {type(error).__name__}: {' '.join(str(error).split())[:160]}"
        return FunctionResult(float("nan"), tuple(curve), said, their_traceback(error))
    return FunctionResult(value, tuple(curve), None if healthy(value) else "nan as the score")


def trial_of(job: FunctionJob, listener: Callable[[int, float], bool]) -> TrialHandle:
    """What the function is told. One that stops early has fewer epochs: a loop need not know of it."""
    recipe = job.candidate.recipe
    return TrialHandle(
        replace(recipe, epochs=recipe.trained_epochs, stop_after=1.0),
        seed=job.stream,
        fold=job.fold,
        part=job.part,
        parameters=job.candidate.spec.parameters,
        listener=listener,
    )


def _follow_outputs(loss: nn.Module) -> None:
    """Let the loss move once to where the first outputs are, whichever device a script has chosen."""

    def move(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        handle.remove()
        if inputs and isinstance(inputs[0], Tensor):
            module.to(inputs[0].device)

    handle = loss.register_forward_pre_hook(move)
