"""The driver: a SPEC in, an experiment out; every unit kept in the store as soon as it is finished."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

from ..losses.errors import UserError, unknown
from ..search import Plan, Task, conduct, load_task
from ..search.cohort import Trainer
from ..search.engines.program import Stopped
from ..search.ledger import Ledger, Unit
from ..search.runners.local import local
from ..search.samplers import SAMPLERS
from ..search.splits import constants_of
from ..search.trial import Phase
from ..spaces import Space, space_from
from .experiment import Experiment
from .progress import Progress, SilentProgress
from .spec import SearchSpec, load_spec
from .store import ClaimLost, SearchRecord, Store, StoreLedger, new_owner
from .tracking import Tracker
from .workdir import Places, places, prepare

HEARTBEAT_S = 10.0
FLUSH_S = 60.0
PARTING_S = 5.0  # what MLflow gets when a search ends early; a resume delivers the rest
RUNNERS = ("local",)


def run_search(
    spec: SearchSpec | Mapping[str, Any] | str | Path,
    *,
    name: str | None = None,
    workdir: str | Path | None = None,
    store: str | None = None,
    runner: str | None = None,
    progress: Progress | None = None,
) -> Experiment:
    """Search the loss that a SPEC asks for, to the verdict, and return the experiment.

    `spec` is a SPEC, a mapping with its keys, or the path of a YAML file. `name` must be new in the store;
    without one a name is made from the task. Everything a user can get wrong raises `UserError` before
    anything is written. Ctrl-C raises `KeyboardInterrupt` with the search's name in its attribute
    `search`; nothing finished is lost and `resume_search` goes on.
    """
    wanted = load_spec(spec, {"name": name})
    _check_runner(runner)
    work = _Work.of(wanted)
    where = prepare(places(workdir, store))
    kept = Store.open(where.store_url)
    owner = new_owner()
    chosen = wanted.name or _free_name(work.task.name, kept.names())
    record = kept.create(chosen, wanted.to_json(), work.describe(), wanted.seed, owner)
    return _run(work, kept, record, owner, where, progress or SilentProgress())


def resume_search(
    name: str,
    *,
    workdir: str | Path | None = None,
    store: str | None = None,
    runner: str | None = None,
    progress: Progress | None = None,
) -> Experiment:
    """Go on with a search that was interrupted, killed or cancelled; what is finished is not trained again.

    A search that is finished is returned as it is, once whatever MLflow has not seen yet is delivered.
    Raises `UserError` for an unknown search, one that another process runs, and one whose data changed.
    """
    _check_runner(runner)
    where = prepare(places(workdir, store))
    kept = Store.open(where.store_url)
    record = kept.get(name)
    work = _Work.of(SearchSpec.from_json(record.spec))
    before, now = record.task.get("fingerprint"), work.task.describe()["fingerprint"]
    if before != now:
        raise UserError(
            f"a resumed search must find the data it began with, but that of {name} has changed "
            f"(fingerprint {before}, now {now}); restore it, or start a new search"
        )
    owner = new_owner()
    kept.claim(record.id, owner)
    return _run(work, kept, record, owner, where, progress or SilentProgress())


@dataclass(frozen=True, eq=False)
class _Work:
    """A SPEC made ready: everything that can be wrong with it has been looked at."""

    spec: SearchSpec
    task: Task
    space: Space
    plan: Plan

    @classmethod
    def of(cls, spec: SearchSpec) -> _Work:
        if spec.sampler not in SAMPLERS:
            raise unknown("sampler", spec.sampler, SAMPLERS)
        task = load_task(spec.task)
        if spec.repeats.folds is not None and task.validation is not None:
            raise UserError(
                f"repeats: folds must be left out where the task has a validation part, as {task.name} has, "
                f"but got {spec.repeats.folds}; its repeats are seeds"
            )
        if spec.recipe:
            task = replace(task, recipe={**task.settings.to_json(), **spec.recipe})
        counts = constants_of(task.kind, task.train[1], task.classes).get("class_counts")
        space = space_from(spec.space, task.kind, None if counts is None else counts.tolist(), task.metric)
        return cls(spec, task, space, _plan(spec))

    def describe(self) -> dict[str, Any]:
        """What the store keeps of the task, with the constants that its losses read."""
        constants = constants_of(self.task.kind, self.task.train[1], self.task.classes)
        return {**self.task.describe(), **{name: value.tolist() for name, value in constants.items()}}


def _plan(spec: SearchSpec) -> Plan:
    asked = {
        "folds": spec.repeats.folds,
        "width": spec.cohort,
        "race_seeds": spec.race.seeds,
        "contenders": spec.race.contenders,
        "verdict_seeds": spec.verdict.seeds,
    }
    return Plan(
        trials=spec.trials,
        time_limit_s=spec.time_limit_s,
        seeds=spec.repeats.seeds,
        headroom=spec.headroom,
        seed=spec.seed,
        **{name: value for name, value in asked.items() if value is not None},
    )


def _run(
    work: _Work, kept: Store, record: SearchRecord, owner: str, where: Places, progress: Progress
) -> Experiment:
    """Conduct the search under this owner's heartbeat, MLflow being fed behind it."""
    started = time.monotonic()
    spent = _Spent()
    # Before any thread is started: the trainer forks its workers.
    trainer = local(work.task, work.plan, work.spec.engine, progress.note)
    tracker = Tracker(kept, record, where.tracking_uri, owner=owner, artifacts=where.artifacts)
    try:
        ledger = _TimedLedger(StoreLedger(kept, record.id, owner, tracker.wake), spent)
        with _heartbeat(kept, record.id, owner, trainer):
            tracker.start()
            if work.space.reason:
                progress.note(work.space.reason)
            conclusion = conduct(
                work.task, work.space, work.plan, trainer, ledger, progress, work.spec.sampler
            )
            with spent.bookkeeping():
                kept.finish(record.id, "finished", conclusion.verdict, conclusion.reason, owner)
                tracker.finish(conclusion.verdict)
                _deliver(tracker, progress)
    except KeyboardInterrupt as stop:
        _let_go(kept, record, owner, "interrupted", None)
        tracker.finish(status="interrupted")
        tracker.flush(timeout_s=PARTING_S)
        stop.search = record.name  # type: ignore[attr-defined]  # the command line names it
        raise
    except (Stopped, ClaimLost):
        progress.note(f"{record.name} was cancelled, or another process took it over")
    except BaseException as error:
        _let_go(kept, record, owner, "failed", " ".join(f"{type(error).__name__}: {error}".split())[:500])
        tracker.finish(status="failed")
        tracker.flush(timeout_s=PARTING_S)
        raise
    finally:
        trainer.close()
        tracker.stop()
        total = time.monotonic() - started
        kept.add_seconds(
            record.id, {**spent.seconds, "bookkeeping": spent.kept + tracker.cpu_s, "total": total}
        )
    return Experiment(kept, record.name)


def _deliver(tracker: Tracker, progress: Progress) -> None:
    """Give MLflow the time it needs for what is left, and say so when it was not enough."""
    left = tracker.flush(timeout_s=FLUSH_S)
    if left:
        why = tracker.problem or "it is slow"
        progress.note(f"MLflow has not taken {left} trials yet ({why}); a resume delivers them")


def _let_go(kept: Store, record: SearchRecord, owner: str, status: Any, reason: str | None) -> None:
    with suppress(ClaimLost):  # whoever owns it now says how it ended
        kept.finish(record.id, status, reason=reason, owner=owner)


@contextmanager
def _heartbeat(kept: Store, search_id: int, owner: str, trainer: Trainer) -> Iterator[None]:
    """Tell the store that the owner lives; stop the trainer when the search is no longer ours."""
    ended = Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_S):
            try:
                if not kept.heartbeat(search_id, owner):
                    trainer.stop.set()
                    return
            except Exception:  # noqa: BLE001, S112  (a database that is away for a while comes back)
                continue

    thread = Thread(target=beat, name="lossmith-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@dataclass
class _Spent:
    """Where the wall-clock went: seconds of each phase, and those that keeping and showing took."""

    seconds: dict[str, float] = field(default_factory=dict)
    kept: float = 0.0

    @contextmanager
    def bookkeeping(self) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.kept += time.monotonic() - started


@dataclass(frozen=True)
class _TimedLedger(Ledger):
    """A ledger that books what it costs, and what each phase took."""

    inner: Ledger
    spent: _Spent

    def find(self, phase: Phase, index: int) -> Unit | None:
        with self.spent.bookkeeping():
            return self.inner.find(phase, index)

    def keep(self, unit: Unit) -> None:
        with self.spent.bookkeeping():
            self.inner.keep(unit)
        self.spent.seconds[unit.phase] = self.spent.seconds.get(unit.phase, 0.0) + unit.seconds


def _check_runner(runner: str | None) -> None:
    if runner not in (None, *RUNNERS):
        raise UserError(f"the runner must be one of {', '.join(RUNNERS)}, but got {runner}")


def _free_name(base: str, taken: list[str]) -> str:
    """`base` with the first number that is free."""
    number = 1
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"
