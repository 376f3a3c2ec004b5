"""One training with the usual loss before a search begins: what a function does, and its mistakes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from threading import Event
from time import monotonic
from typing import Any

import torch

from ....losses import freeze, standard_spec
from ....losses.custom import user_error, user_traceback
from ....losses.errors import UserError
from ....losses.kinds import kind_named
from ...tasks.constants import Constants, constants_of
from ...tasks.functions.check_settings import check_classes
from ...tasks.functions.metric_value import comparable, score_from
from ...tasks.functions.rehearsal import Rehearsal
from ...tasks.functions.training_function import TrainingFunction
from ...tasks.functions.trial_handle import Pruned, TrialHandle
from ..program import WorkerError
from ..workers.process_pool import ProcessPool, can_fork
from .job import blamed_on_loss, raised
from .loss_probe import LossProbe, ProbeRecord
from .sandbox import allow_children, sandbox

ENOUGH = 32  # targets of an epoch from which on outputs in [0, 1] are no coincidence
SPARE = 0.8  # of a GPU's memory may be taken by the rehearsal's measure: other losses may need a little more
CONTEXT = 600 << 20  # bytes that a process on a GPU takes before it trains anything


def rehearsed(training: TrainingFunction, seed: int = 0) -> TrainingFunction:
    """Rehearse a training function once, in a process of its own where that is possible.

    Args:
        training: The function.
        seed: Of its random streams.

    Returns:
        The same function, with its `rehearsal`.

    Raises:
        UserError: The function raises, returns no finite number, or does not train with the loss it is given;
            its traceback is the detail.
    """
    if not can_fork():
        return replace(training, rehearsal=rehearse(training, seed))
    make: Any = partial(_Rehearsing, training, seed)  # no program of a cohort, but run in the same way
    pool = ProcessPool(1, make, Event())
    try:
        found = pool.program(0).call("run")
    except (WorkerError, MemoryError) as error:
        raise UserError(f"{training.name}: the rehearsal of the training failed: {error}") from error
    finally:
        pool.close()
    if isinstance(found, UserError):
        raise found
    assert isinstance(found, Rehearsal)
    return replace(training, rehearsal=found)


class _Rehearsing:
    """What a worker holds for a rehearsal."""

    def __init__(self, training: TrainingFunction, seed: int) -> None:
        self._training, self._seed = training, seed

    def run(self) -> Rehearsal | UserError:
        """Rehearse; a `UserError` is returned, for raised it would lose its detail on the way."""
        allow_children()
        try:
            return rehearse(self._training, self._seed)
        except UserError as error:
            return UserError(str(error), error.detail)


def rehearse(training: TrainingFunction, seed: int = 0) -> Rehearsal:
    """Train once in this process with the usual loss of the kind.

    Arguments as of `rehearsed`, and so are the errors.
    """
    name, kind = training.name, kind_named(training.kind)
    spec = standard_spec(kind.usual_loss, training.kind)
    scale = 1.0 if kind.constant == "target_scale" else None
    probe = LossProbe(freeze(spec.bind(target_scale=scale, ignore_index=training.ignore_index)))
    record, reports = probe.record, 0

    def listen(_epoch: int, _value: float) -> bool:
        nonlocal reports
        reports += 1
        record.recording = False
        return True

    trial = TrialHandle(
        training.settings, seed=seed, fold=(0, 5, 0), parameters=spec.parameters, listener=listen
    )
    started = monotonic()
    try:
        with sandbox(seed, training.program) as traces:
            value = score_from(training.train(probe, trial), f"{name} must return")
    except UserError as error:  # its line says all; where their code is on the way, it says where as well
        shown = user_traceback(error)
        raise UserError(str(error), error.detail or (shown if "\n" in shown else "")) from error
    except SystemExit as error:
        said = f" ({traces.last_line})" if traces.last_line else ""
        raise UserError(
            f"the training function {name} must return its score, but with {kind.usual_loss} it "
            f"{raised(error)}{said}; return instead, and give every argument that it parses a default: "
            "a search passes it none",
            user_traceback(error),
        ) from error
    except BaseException as error:
        if not (blamed_on_loss(error) or isinstance(error, Pruned)):
            raise
        raise user_error(
            f"the training function {name} must run, but with {kind.usual_loss} it raised",
            error,
            {"learning_rate": training.settings.rate, "seed": seed, "part": "validation", **trial.parameters},
        ) from error
    if not record.trained:
        wrong = "only without a gradient" if record.called else "never"
        raise UserError(
            f"{name} must train with the loss it is given, but it called it {wrong}; "
            "call loss(outputs, targets) on its first argument and go backward from there"
        )
    check_classes(training, record.classes)
    if kind.classified and 0 <= record.low < record.high <= 1 and record.kept >= ENOUGH:
        raise UserError(
            f"{name} must call the loss with logits, of any size and sign, but all outputs of its first "
            "epoch lie in [0, 1], as after a Sigmoid or Softmax; leave that layer out: the loss applies it"
        )
    if not comparable(value):
        raise UserError(
            f"{name} must return a finite {training.metric} with the usual loss, but it returned {value}; "
            "lower the learning rate or look at the data"
        )
    seconds, constants = monotonic() - started, _constants(training, record)
    read, changes = frozenset(trial.read), tuple(traces.changes)
    return Rehearsal(value, reports, constants, read, seconds, _fit(), changes)


def _fit() -> int | None:
    """How many such trainings the GPU's memory holds, each in a process of its own."""
    if not torch.cuda.is_initialized():
        return None
    whole = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    return max(1, int(SPARE * whole / (torch.cuda.max_memory_reserved() + CONTEXT)))


def _constants(training: TrainingFunction, seen: ProbeRecord) -> Constants:
    """Class counts or the spread of the targets, as plain numbers."""
    by_label = kind_named(training.kind).counts_nested
    shape = (-1, seen.targets[0].shape[-1]) if by_label else (-1,)
    targets = torch.cat([some.reshape(shape) for some in seen.targets])
    if training.ignore_index is not None and kind_named(training.kind).single:
        targets = targets[targets != training.ignore_index]
    return Constants.of(constants_of(training.kind, targets, seen.classes))
