"""Programs that live elsewhere: what was done to them is remembered, so any worker can go on with them."""

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
    """One piece: make an object (or restore its state), do these calls to it, answer those.

    `save` asks for its state as well, for whoever goes on with it.
    """

    arguments: tuple[Any, ...]
    state: bytes | None
    calls: tuple[Call, ...]
    answers: tuple[Call, ...]
    save: bool = False


@dataclass(frozen=True, eq=False)
class WorkResult:
    """What came of a piece: an answer to each of its questions, and the state if it was wanted."""

    answers: tuple[Any, ...]
    state: bytes | None = None


class TooLargeError(WorkerError):
    """A piece needs more memory than a worker has, or kills its workers for another reason."""


class Submit(Protocol):
    """Has a piece worked at and returns what came of it; raises `WorkerError` or `TooLargeError`."""

    def __call__(self, work: WorkItem) -> WorkResult:
        """Wait for the result."""


def execute(work: WorkItem, make: Make, alive: Callable[[], None]) -> WorkResult:
    """Do a piece here. `alive` is called after each epoch and each call."""
    made = make(*work.arguments)
    if work.state is not None:
        made = restored(work.state, made)
    for method, arguments in work.calls:
        if method == "train":  # epoch by epoch, so that somebody who waits hears that it goes on
            for _ in range(arguments[0]):
                made.train(1)
                alive()
        else:
            getattr(made, method)(*arguments)
            alive()
    answers = []
    for method, arguments in work.answers:
        answers.append(getattr(made, method)(*arguments))
        alive()
    return WorkResult(tuple(answers), saved(made) if work.save else None)


def saved(program: Program) -> bytes | None:
    """A program's state without its data, for our own workers; None where it cannot be written down.

    It is then trained again from the start, which ends at the same place.
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
    """The program of a state that `saved` returned; the data are those of a fresh one."""
    job = getattr(fresh, "job", None)

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, name: str) -> object:
            return _shared(job, name)

    program: Program = Unpickler(io.BytesIO(state)).load()
    return program


def _shared(job: Any, name: str) -> Any:
    return job if name == "job" else getattr(job, name, None)


@dataclass(eq=False)
class Remote(RemoteProgram):
    """A program that exists as what it was made from and what was done to it.

    Nothing is sent until an answer is wanted: then one piece does everything since the last state. A piece
    that is too large is dealt to two programs of half as many members, which end where the whole would have.
    """

    submit: Submit
    arguments: tuple[Any, ...]
    candidates_at: int | None  # the place of the candidates among the arguments; None: it cannot be halved
    _calls: list[Call] = field(default_factory=list)
    _state: bytes | None = None
    _epochs: int = 0
    _last: int = 0  # the epoch after which nobody goes on with it
    _known: dict[str, Any] = field(default_factory=dict)
    _halves: tuple[Remote, Remote] | None = None
    members: list[int] = field(
        default_factory=list
    )  # those that are left, by their place among the candidates

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
        """One answer, from a program that has come as far as this one."""
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
            Remote(
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
