"""One training by a user's function: what it is given, what it reports, what came of it."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from torch import Tensor, nn

from ....losses import freeze
from ....losses.custom import user_traceback
from ....losses.errors import UserError, one_line
from ...random_streams import stream_seed
from ...records import Candidate, Repeat
from ...tasks.functions.metric_value import comparable, score_from
from ...tasks.functions.training_function import TrainingFunction
from ...tasks.functions.trial_handle import Part, Pruned, TrialHandle
from .sandbox import sandbox


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
    def key(self) -> str:
        """What two jobs share that come to the same result; 32 hexadecimal digits."""
        repeat = self.repeat
        parts = (self.candidate.key, repeat.seed, repeat.fold, repeat.partition, self.seed, self.fold)
        return sha256(repr((*parts, self.part, self.reports)).encode()).hexdigest()[:32]

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

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON can hold it, with null for what is not finite."""
        curve = [[epoch, value if math.isfinite(value) else None] for epoch, value in self.curve]
        return {
            "value": self.value if math.isfinite(self.value) else None,
            "curve": curve,
            "fault": self.fault,
            "trace": self.trace,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FunctionResult:
        """Return the result that a document of `to_json` describes."""
        curve = tuple((epoch, math.nan if value is None else value) for epoch, value in document["curve"])
        value = document["value"]
        return cls(math.nan if value is None else value, curve, document["fault"], document["trace"])


def run_training(training: TrainingFunction, job: FunctionJob) -> FunctionResult:
    """Execute one training in this process.

    Args:
        training: The training function.
        job: What to train.

    Raises:
        UserError: The function returns or reports something that is no number, whatever the loss.
    """
    curve: list[tuple[int, float]] = []

    def listen(epoch: int, value: float) -> bool:
        curve.append((epoch, value))
        return comparable(value) and (job.reports is None or len(curve) < job.reports)

    loss = freeze(training.bound(job.candidate.spec))
    loss.register_forward_pre_hook(_move_with_outputs)
    trial = trial_handle(job, listen)
    try:
        with sandbox(job.stream, training.program):
            value = score_from(training.train(loss, trial), f"{training.name} must return")
    except Pruned as error:
        if not curve:  # their own
            return FunctionResult(math.nan, (), raised(error), user_traceback(error))
        value = curve[-1][1]
    except UserError as error:
        raise UserError(str(error), error.detail or user_traceback(error)) from error
    except BaseException as error:
        if not blamed_on_loss(error):
            raise
        return FunctionResult(math.nan, tuple(curve), raised(error), user_traceback(error))
    if comparable(value):
        return FunctionResult(value, tuple(curve))
    return FunctionResult(math.nan, tuple(curve), f"{value:.3g} as the score")


def blamed_on_loss(error: BaseException) -> bool:
    """Whether an error ends a training and not the search: a script may call sys.exit or cancel itself.

    Where Ctrl-C raises `KeyboardInterrupt`, as in a notebook, it is the user's; elsewhere only code raises
    it.
    """
    if isinstance(error, KeyboardInterrupt):
        handler = signal.getsignal(signal.SIGINT)
        return handler is not signal.default_int_handler and not getattr(handler, "pressed", False)
    return not isinstance(error, Pruned)


def raised(error: BaseException) -> str:
    """What an error of the function's did, as the end of a sentence about the function."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({'' if error.code is None else repr(error.code)[:60]})"
    said = one_line(error, 160)
    return f"raised {type(error).__name__}" + (f": {said}" if said else "")


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


def _move_with_outputs(loss: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Move the constants of a loss to the device of its outputs, whichever the function has chosen."""
    constant = next(loss.buffers(), None)
    outputs = next(iter(inputs), None)
    if constant is not None and isinstance(outputs, Tensor) and outputs.device != constant.device:
        loss.to(outputs.device)
