"""Programs on a cluster: the calls to them are remembered, so that any worker can go on with them."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from torch import Tensor

from ...records import Candidate, Member
from ..bracket import Scored
from ..program import RemoteProgram, WorkerError

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


def saved(program: Any) -> bytes | None:
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


def restored(state: bytes, fresh: Any) -> Any:
    """Restore a program from its state.

    Args:
        state: What `saved` returned.
        fresh: A program made from the same arguments, whose data the restored one has.
    """
    job = getattr(fresh, "job", None)

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, name: str) -> object:
            return _shared(job, name)

    return Unpickler(io.BytesIO(state)).load()


def _shared(job: Any, name: str) -> Any:
    return job if name == "job" else getattr(job, name, None)


@dataclass(eq=False)
class _Part:
    """What one work item is made of: a program, and the calls to it since its last state."""

    arguments: tuple[Any, ...]
    calls: list[Call]
    left: set[int]  # the candidates in training
    state: bytes | None = None

    def halves(self, epochs: int) -> list[_Part]:
        """Two programs of half the candidates, which are trained from the beginning."""
        candidates = [(c, own) for c, own in candidates_of(self.arguments).items() if c in self.left]
        middle = len(candidates) // 2
        return [
            _Part((half, *self.arguments[1:]), [("train", (epochs,))], set(half))
            for half in (dict(candidates[:middle]), dict(candidates[middle:]))
        ]


class ReplayedProgram(RemoteProgram):
    """A program that exists as what it was made from and the calls to it.

    Nothing is sent until an answer is wanted: then one work item replays every call since the last state. An
    item that is too large is split into two programs of half the candidates, which end where the whole would
    have.

    Args:
        submit: Has a work item executed.
        arguments: What the program is made from. The first are a cohort's candidates, by their places in it,
            unless the program trains something else; that cannot be halved.
    """

    def __init__(self, submit: Submit, arguments: tuple[Any, ...]) -> None:
        candidates = candidates_of(arguments)
        self._submit, self._epochs = submit, 0
        self._last = max((c.recipe.epochs for c in candidates.values()), default=0)
        self._parts = [_Part(arguments, [], set(candidates))]

    def train(self, epochs: int) -> None:
        self._epochs += epochs
        for part in self._parts:
            part.calls.append(("train", (epochs,)))

    def keep(self, candidates: Collection[int]) -> None:
        for part in self._parts:
            part.left &= set(candidates)
            part.calls.append(("keep", (sorted(part.left),)))
        self._parts = [part for part in self._parts if part.left]

    def scores(self, n_resamples: int = 0) -> list[Scored]:
        return [found for some in self._answers("scores", n_resamples) for found in some]

    def outputs(self) -> dict[Member, Tensor]:
        return {member: own for some in self._answers("outputs") for member, own in some.items()}

    def join(self, other: Self) -> None:
        raise WorkerError("programs on a cluster live apart and cannot be joined")

    def call(self, method: str, *arguments: Any) -> Any:
        (answer,) = self._answers(method, *arguments)
        return answer

    def _answers(self, method: str, *arguments: Any) -> list[Any]:
        """The answer of the program, or of each of those into which it was split."""
        save = self._epochs < self._last  # at the last epoch no worker goes on with the program
        waiting, self._parts, answers = self._parts, [], []
        while waiting:
            part, *waiting = waiting
            work = WorkItem(part.arguments, part.state, tuple(part.calls), ((method, arguments),), save)
            try:
                done = self._submit(work)
            except TooLargeError:
                if len(part.left) < 2:
                    raise
                waiting = [*part.halves(self._epochs), *waiting]
                continue
            if done.state is not None:
                part.state = done.state
                part.calls.clear()
            self._parts.append(part)
            answers.append(done.answers[0])
        return answers


def candidates_of(arguments: Sequence[Any]) -> Mapping[int, Candidate]:
    """The candidates among what a program is made from; none where it trains something else."""
    first = arguments[0] if arguments else None
    return first if isinstance(first, Mapping) else {}
