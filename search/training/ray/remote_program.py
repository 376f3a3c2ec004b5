"""Programs on a cluster: the calls to them are remembered, so that any worker can go on with them."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from ..program import Program, RemoteProgram, WorkerError

Call = tuple[str, tuple[Any, ...]]
Make = Callable[..., Any]
_MADE = ("job", "task", "split")  # what a worker makes anew and no state carries


@dataclass(frozen=True, eq=False)
class WorkItem:
    """What a worker is asked to do with one program.

    Args:
        arguments: What the program is made from.
        state: Where the program has come to already, as `saved` wrote it; None: to the beginning.
        calls: Calls whose answers are not wanted, as (method, arguments).
        answers: Calls whose answers are wanted.
        save: Whether the program's state is wanted as well.
    """

    arguments: tuple[Any, ...]
    state: bytes | None
    calls: tuple[Call, ...]
    answers: tuple[Call, ...]
    save: bool = False


@dataclass(frozen=True, eq=False)
class WorkResult:
    """What came of a work item.

    Args:
        answers: One to each of the item's `answers`.
        state: The program's state where it was wanted and can be written down.
    """

    answers: tuple[Any, ...]
    state: bytes | None = None


class TooLargeError(WorkerError):
    """A work item needs more memory than a worker has, or kills its workers for another reason."""


class Submit(Protocol):
    """Has a work item executed somewhere and waits for its result."""

    def __call__(self, work: WorkItem) -> WorkResult:
        """The result; raises `WorkerError` or `TooLargeError`."""


def execute(work: WorkItem, make: Make, renew: Callable[[], None]) -> WorkResult:
    """Execute a work item in this process.

    Args:
        work: The item.
        make: Makes a fresh program from the item's arguments.
        renew: Called after each epoch and each call; it may raise, which ends the work.
    """
    made = make(*work.arguments)
    if work.state is not None:
        made = restored(work.state, made)
    for method, arguments in work.calls:
        if method == "train":  # epoch by epoch, so that the lease is renewed meanwhile
            for _ in range(arguments[0]):
                made.train(1)
                renew()
        else:
            getattr(made, method)(*arguments)
            renew()
    answers = []
    for method, arguments in work.answers:
        answers.append(getattr(made, method)(*arguments))
        renew()
    return WorkResult(tuple(answers), saved(made) if work.save else None)


def saved(program: Program) -> bytes | None:
    """Write down the state of a program without its data; None where that cannot be done.

    The program is then trained again from the beginning, which ends at the same place.
    """
    from ray import cloudpickle

    job = getattr(program, "job", None)
    shared = {id(value): name for name in _MADE if (value := _shared(job, name)) is not None}

    class Pickler(cloudpickle.Pickler):
        def persistent_id(self, value: object) -> str | None:
            return shared.get(id(value))

    text = io.BytesIO()
    try:
        Pickler(text).dump(program)  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001  (whatever a model holds that cannot be written down)
        return None
    return text.getvalue()


def restored(state: bytes, fresh: Program) -> Program:
    """Restore the program of a state that `saved` returned, with the data of a fresh one."""
    job = getattr(fresh, "job", None)

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, name: str) -> object:
            return _shared(job, name)

    program: Program = Unpickler(io.BytesIO(state)).load()
    return program


def _shared(job: Any, name: str) -> Any:
    return job if name == "job" else getattr(job, name, None)


@dataclass(eq=False)
class ReplayedProgram(RemoteProgram):
    """A program that exists as what it was made from and the calls to it.

    Nothing is sent until an answer is wanted: then one work item replays every call since the last state. An
    item that is too large is split into two programs of half as many members, which end where the whole would
    have.

    Args:
        submit: Has a work item executed.
        arguments: What the program is made from.
        candidates_at: The place of the candidates among `arguments`; None: the program cannot be halved.
    """

    submit: Submit
    arguments: tuple[Any, ...]
    candidates_at: int | None
    _calls: list[Call] = field(default_factory=list)
    _state: bytes | None = None
    _epochs: int = 0
    _last: int = 0  # the epoch after which no worker goes on with the program
    _known: dict[str, Any] = field(default_factory=dict)
    _halves: tuple[ReplayedProgram, ReplayedProgram] | None = None
    members: list[int] = field(default_factory=list)  # places of the candidates that are left

    def __post_init__(self) -> None:
        if self.candidates_at is not None:
            candidates = self.arguments[self.candidates_at]
            self.members, self._last = list(range(len(candidates))), candidates[0].recipe.epochs

    def train(self, epochs: int) -> None:
        self._epochs += epochs
        self._do("train", epochs)

    def keep(self, members: Sequence[int]) -> None:
        self.members = [self.members[member] for member in members]
        if self._halves is None:
            self._do("keep", list(members))
            return
        first, second = self._halves
        size = len(first.members)
        first.keep([m for m in members if m < size])
        second.keep([m - size for m in members if m >= size])

    def outputs(self, inputs: Tensor | None = None) -> Tensor:
        found: Tensor = self._ask("outputs") if inputs is None else self.call("outputs", inputs)
        return found

    def faults(self) -> dict[int, str]:
        found: dict[int, str] = self._ask("faults")
        return found

    def parameters(self, member: int) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.call("parameters", member)
        return found

    def join(self, other: Program) -> None:
        raise WorkerError("programs on a cluster live apart and cannot be joined")

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of a program that has come as far as this one."""
        if self._halves is not None:
            raise WorkerError(f"{method} is not known of a program in two halves")
        work = WorkItem(self.arguments, self._state, tuple(self._calls), ((method, arguments),))
        return self.submit(work).answers[0]

    def _do(self, method: str, *arguments: Any) -> None:
        self._known.clear()
        if self._halves is not None:
            for half in self._halves:
                getattr(half, method)(*arguments)
        else:
            self._calls.append((method, arguments))

    def _ask(self, method: str) -> Any:
        if not self._known:
            self._known = self._joined() if self._halves is not None else self._answered()
        return self._known[method]

    def _answered(self) -> dict[str, Any]:
        save = self._epochs < self._last
        work = WorkItem(
            self.arguments, self._state, tuple(self._calls), (("outputs", ()), ("faults", ())), save
        )
        try:
            done = self.submit(work)
        except TooLargeError:
            if self.candidates_at is None or len(self.members) < 2:
                raise
            self._halve()
            return self._joined()
        if done.state is not None:
            self._state = done.state
            self._calls.clear()
        return dict(zip(("outputs", "faults"), done.answers, strict=True))

    def _halve(self) -> None:
        assert self.candidates_at is not None
        at = self.candidates_at
        candidates = [self.arguments[at][member] for member in self.members]
        middle = len(candidates) // 2
        first, second = (
            ReplayedProgram(
                self.submit,
                (*self.arguments[:at], half, *self.arguments[at + 1 :]),
                at,
                [("train", (self._epochs,))],
                _epochs=self._epochs,
            )
            for half in (candidates[:middle], candidates[middle:])
        )
        self._halves = (first, second)
        self._calls, self._state = [], None

    def _joined(self) -> dict[str, Any]:
        assert self._halves is not None
        parts = [half for half in self._halves if half.members]
        faults: dict[int, str] = {}
        base = 0
        for half in parts:
            faults |= {base + member: fault for member, fault in half.faults().items()}
            base += len(half.members)
        return {"outputs": torch.cat([half.outputs() for half in parts]), "faults": faults}
