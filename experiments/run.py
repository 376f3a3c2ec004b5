"""The driver: a SPEC in, an experiment out; every unit kept in the store as soon as it is finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, cast

from ..losses.errors import UserError, unknown
from ..losses.own_file import fingerprints
from ..search import OwnTraining, Plan, Task, conduct, load_task
from ..search.cohort import Trainer
from ..search.conduct import search_for
from ..search.data import overlap
from ..search.engines.choice import Choice
from ..search.engines.device import Hardware
from ..search.engines.program import Stopped
from ..search.ledger import Ledger, Unit
from ..search.own_training import with_recipe
from ..search.rehearsal import rehearsed
from ..search.runners.local import local
from ..search.runners.own import OwnTrainer, own_local
from ..search.runners.resources import Resources
from ..search.samplers import SAMPLERS
from ..search.splits import constants_of, doubts
from ..search.trial import Phase
from ..spaces import Space, own_terms, space_from
from ..spaces.space import LEARNING_RATE
from .experiment import Experiment
from .jobs import check_launcher
from .presentation import import_ahead, present
from .progress import Progress, python_progress
from .shipment import FILES, materialised, packed, shipped_folder, term_files, transfer_files
from .spec import SearchSpec, load_spec
from .store import ClaimLost, SearchRecord, Store, StoreLedger, new_owner, patient
from .tracking import Tracker
from .trust import trust
from .workdir import Places, places, prepare

if TYPE_CHECKING:
    from ..search.runners.ray import RayTrainer

HEARTBEAT_S = 10.0
FLUSH_S = 60.0
PARTING_S = 5.0  # what MLflow gets when a search ends early; a resume delivers the rest
RUNNERS = ("local", "ray")


def run_search(  # noqa: PLR0913  (a front door: each argument is one the command line has too)
    spec: SearchSpec | Mapping[str, Any] | str | Path,
    *,
    task: Task | OwnTraining | None = None,
    name: str | None = None,
    workdir: str | Path | None = None,
    store: str | None = None,
    runner: str | None = None,
    files: Sequence[str | Path] = (),
    progress: Progress | None = None,
) -> Experiment:
    """Search the loss that a SPEC asks for, to the verdict, and return the experiment.

    `spec` is a SPEC, a mapping with its keys, or the path of a YAML file. `task` is a task or a training
    function that was made here, as in a notebook; the SPEC then names none. `name` must be new in the store;
    without one a name is made from the task. `runner` is "local" or "ray"; `files` are kept with the search
    beside its task's own, so that it can be resumed on another machine. `progress` is where it is shown: by
    default on a terminal or in a notebook, and nowhere else. Everything a user can get wrong raises
    `UserError` before anything is
    written. Ctrl-C raises `KeyboardInterrupt` with the search's name in its attribute `search`; nothing
    finished is lost and `resume_search` goes on.
    """
    if task is not None:
        spec = with_task(spec, task)
    wanted = load_spec(spec, {"name": name})
    _check_runner(runner)
    work = _Work.of(wanted, task)
    code = (*term_files(wanted.space), *transfer_files(wanted.transfer), *files)
    shipped = packed(wanted.task if task is None else None, code)
    kept_with_it = {"runner": runner or RUNNERS[0], FILES: shipped}
    where = prepare(places(workdir, store))
    kept = Store.open(where.store_url)
    owner, shown = new_owner(), progress or python_progress()
    with _training(work, runner, shown) as trainer:
        chosen = wanted.name or _free_name(str(work.task.name), kept.names())
        described = work.describe(trainer)
        record = kept.create(chosen, wanted.to_json(), described, wanted.seed, owner, kept_with_it)
        return _run(work, kept, record, owner, where, shown, trainer)


def with_task(
    spec: SearchSpec | Mapping[str, Any] | str | Path, task: Task | OwnTraining
) -> Mapping[str, Any]:
    """The keys of a SPEC for a task that was made in Python: its name stands where a file would."""
    if not isinstance(task, Task | OwnTraining):
        raise UserError(
            f"task must be a lossmith.search.Task or a training function in own_training(kind, ...), "
            f"but got {type(task).__name__}"
        )
    if not isinstance(spec, Mapping) or "task" in spec:
        raise UserError(
            "a task that is given as an object must go with a mapping that names none, such as "
            f"run_search({{'trials': 64}}, task=...), but got {spec!r}"
        )
    return {**spec, "task": task.name}


def resume_search(
    name: str,
    *,
    task: Task | OwnTraining | None = None,
    workdir: str | Path | None = None,
    store: str | None = None,
    runner: str | None = None,
    progress: Progress | None = None,
) -> Experiment:
    """Go on with a search that was interrupted, killed or cancelled; what is finished is not trained again.

    A search that is finished is returned as it is, once whatever MLflow has not seen yet is delivered. One
    that was given its `task` as an object must be given it again.
    Raises `UserError` for an unknown search, one that another process runs, and one whose data changed.
    """
    _check_runner(runner)
    where = prepare(places(workdir, store))
    kept = Store.open(where.store_url)
    record = kept.get(name)
    if record.task.get("given") and task is None:
        raise UserError(
            f"the task of {name} was made in Python, so it must be given again: "
            f"resume_search({name!r}, task=...)"
        )
    asked = SearchSpec.from_json(record.spec)
    asked = _found_here(asked, record, where, given=task is not None)
    _check_terms(asked, record)
    work = _Work.of(asked, task)
    before, now = record.task.get("fingerprint"), work.task.describe()["fingerprint"]
    if before != now:
        raise UserError(
            f"a resumed search must find the data it began with, but that of {name} has changed "
            f"(fingerprint {before}, now {now}); restore it, or start a new search"
        )
    owner, shown = new_owner(), progress or python_progress()
    with _training(work, runner, shown, record.task.get("engine")) as trainer:
        kept.claim(record.id, owner)
        return _run(work, kept, record, owner, where, shown, trainer)


def _found_here(asked: SearchSpec, record: SearchRecord, where: Places, *, given: bool) -> SearchSpec:
    """The SPEC with its code where this machine has it: what is missing here is written down."""
    folder, changes = shipped_folder(where.workdir, record.name), dict[str, Any]()
    if not given:
        changes["task"] = materialised(asked.task, record.notes, folder)
    changes["transfer"] = [materialised(other, record.notes, folder) for other in asked.transfer]
    if terms := own_terms(asked.space):
        here = [materialised(term, record.notes, folder) for term in terms]
        changes["space"] = {**cast("dict[str, Any]", asked.space), "terms": here}
    return asked.model_copy(update=changes)


def _check_terms(asked: SearchSpec, record: SearchRecord) -> None:
    """Raise `UserError` where the file of a loss of the user's own is not what the search began with."""
    before, now = record.task.get("terms", {}), fingerprints(own_terms(asked.space))
    for term in now.keys() & before.keys():
        if before[term] != now[term]:
            raise UserError(
                f"a resumed search must find the losses it began with, but the file of {term} has changed "
                f"(fingerprint {before[term]}, now {now[term]}); restore it, or start a new search"
            )


@dataclass(frozen=True, eq=False)
class _Work:
    """A SPEC made ready: everything that can be wrong with it has been looked at."""

    spec: SearchSpec
    task: Task | OwnTraining
    space: Space
    plan: Plan
    given: bool = False
    others: tuple[Task, ...] = ()
    hardware: Hardware = field(default_factory=Hardware)

    @property
    def subject(self) -> Task:
        """The task as phases see it: a training function has all of a task that they read."""
        return cast("Task", self.task)

    @classmethod
    def of(cls, spec: SearchSpec, given: Task | OwnTraining | None = None) -> _Work:
        if spec.sampler not in SAMPLERS:
            raise unknown("sampler", spec.sampler, SAMPLERS)
        task = given or load_task(spec.task, training=spec.training)
        if isinstance(task, OwnTraining):
            task = rehearsed(with_recipe(task, spec.recipe), spec.seed)
        if spec.repeats.folds is not None and task.validation is not None:
            raise UserError(
                f"repeats: folds must be left out where the task has a validation part, as {task.name} has, "
                f"but got {spec.repeats.folds}; its repeats are seeds"
            )
        if spec.recipe and isinstance(task, Task):
            task = replace(task, recipe={**task.settings.to_json(), **spec.recipe})
        trust(own_terms(spec.space))
        space = space_from(spec.space, task.kind, _constants(task).get("class_counts"), task.metric)
        if isinstance(task, OwnTraining) and not task.tunes:
            space = replace(space, fixed={**space.fixed, LEARNING_RATE: task.settings.rate})
        hardware = Hardware()
        if isinstance(task, Task):  # a function that trains chooses its own
            hardware = Hardware.asked(spec.device, spec.precision)
        others = tuple(_others(spec, task))
        return cls(spec, task, space, _plan(spec), given is not None, others, hardware)

    def describe(self, trainer: object = None) -> dict[str, Any]:
        """What the store keeps of the task, with the constants that its losses read and how it is trained."""
        given = {"given": True} if self.given else {}
        choice = getattr(trainer, "choice", None)
        engine = {} if choice is None else {"engine": choice.to_json()}
        if isinstance(trainer, Trainer):
            engine["hardware"] = str(trainer.hardware)
        terms = fingerprints(own_terms(self.spec.space))
        own = {"terms": terms} if terms else {}
        return {**self.task.describe(), **_constants(self.task), **given, **own, **engine}

    def trainer(
        self, runner: str | None, note: Callable[[str], None], before: Choice | None = None
    ) -> Trainer | OwnTrainer | RayTrainer:
        """Who trains: this machine, or a Ray cluster; as `before`, where the engine was chosen already."""
        elsewhere = "a function train(loss, trial), which" if isinstance(self.task, OwnTraining) else None
        elsewhere = "a Ray cluster, where `resources`" if runner == "ray" else elsewhere
        if elsewhere and (self.spec.device, self.spec.precision) != ("auto", "float32"):
            raise UserError(
                f"device and precision must be left out for {elsewhere} decides, "
                f"but got {self.spec.device} and {self.spec.precision}"
            )
        if runner == "ray":
            from ..search.runners.ray import on_ray, own_on_ray

            wanted = Resources.from_mapping(self.spec.resources)
            if isinstance(self.task, OwnTraining):
                return own_on_ray(self.task, self.plan, wanted)
            return on_ray(self.task, self.plan, self.spec.engine, wanted, note, before)
        if isinstance(self.task, OwnTraining):
            return own_local(self.task, self.plan)
        return local(self.task, self.plan, self.spec.engine, note, before, self.hardware)


def _others(spec: SearchSpec, task: Task | OwnTraining) -> Iterator[Task]:
    """The tasks under `transfer`; raises `UserError` for one on which the loss cannot be tried."""
    seen: set[str] = set()
    for name in spec.transfer:
        other = load_task(name)
        if not isinstance(other, Task):
            raise UserError(f"transfer: each must be a task with data, but {name} is a training function")
        if other.kind != task.kind:
            raise UserError(
                f"transfer: each task must be of the search's own kind, {task.kind}, but {other.name} is "
                f"{other.kind}; leave it out"
            )
        if other.name in seen:
            raise UserError(f"transfer: tasks must differ in their names, but two are called {other.name}")
        seen.add(other.name)
        yield other


def _constants(task: Task | OwnTraining) -> dict[str, Any]:
    """What losses read of the training targets, as numbers and lists."""
    if isinstance(task, OwnTraining):
        return task.constants
    found = constants_of(task.kind, task.train[1], task.classes)
    return {name: value.tolist() for name, value in found.items()}


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
        margin=spec.verdict.margin,
        random_search=spec.verdict.random_search,
        insight=spec.insight,
        seed=spec.seed,
        **{name: value for name, value in asked.items() if value is not None},
    )


@contextmanager
def _training(
    work: _Work, runner: str | None, progress: Progress, before: Mapping[str, Any] | None = None
) -> Iterator[Trainer | OwnTrainer | RayTrainer]:
    """Who trains, made before anything is written and before any thread is started: workers are forked."""
    for line in _notes(work.task, work.plan.folds):
        progress.note(line)
    for other in work.others:
        for line in _notes(other, work.plan.folds):
            progress.note(f"transfer: {other.name}: {line}")
    trainer = work.trainer(runner, progress.note, None if before is None else Choice.from_json(before))
    try:
        yield trainer
    finally:
        trainer.close()


def _run(
    work: _Work,
    store: Store,
    record: SearchRecord,
    owner: str,
    where: Places,
    progress: Progress,
    trainer: Trainer | OwnTrainer | RayTrainer,
) -> Experiment:
    """Conduct the search under this owner's heartbeat, MLflow being fed behind it."""
    started = time.monotonic()
    spent = _Spent()
    kept = patient(store, progress.note)
    tracker = Tracker(kept, record, where.tracking_uri, owner=owner, artifacts=where.artifacts)
    try:
        ledger = _TimedLedger(StoreLedger(kept, record.id, owner, tracker.wake), spent)
        with _heartbeat(kept, record.id, owner, trainer):
            tracker.start(import_ahead)
            if work.space.reason:
                progress.note(work.space.reason)
            proposer = search_for(work.subject, work.space, work.plan, work.spec.sampler)
            kept.note(record.id, "sampler", proposer.reason)
            conclusion = conduct(
                work.subject,
                work.space,
                work.plan,
                trainer,
                ledger,
                progress,
                work.spec.sampler,
                work.others,
            )
            spent.beside = tracker.cpu_s  # what it does from here on is waited for
            with spent.bookkeeping():
                kept.finish(record.id, "finished", conclusion.verdict, conclusion.reason, owner)
                kept.add_seconds(record.id, spent.taken())  # the report that MLflow gets tells them
                tracker.finish(conclusion.verdict, present=partial(present, kept, record.name))
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
        progress.close()
        trainer.close()
        tracker.stop()
        beside = tracker.cpu_s if spent.beside is None else spent.beside
        books = {"waited": spent.kept, "bookkeeping": spent.kept + beside}
        kept.add_seconds(record.id, {**spent.seconds, **books, "total": time.monotonic() - started})
    return Experiment(kept, record.name)


def _deliver(tracker: Tracker, progress: Progress) -> None:
    """Give MLflow the time it needs for what is left, and say so when it was not enough."""
    left = tracker.flush(timeout_s=FLUSH_S)
    if left:
        why = tracker.problem or "it is slow"
        progress.note(f"MLflow has not taken {left} trials yet ({why}); a resume delivers them")
    elif tracker.problem:
        progress.note(f"MLflow has not taken the report yet ({tracker.problem}); a resume delivers it")


def _let_go(kept: Store, record: SearchRecord, owner: str, status: Any, reason: str | None) -> None:
    with suppress(ClaimLost):  # whoever owns it now says how it ended
        kept.finish(record.id, status, reason=reason, owner=owner)


@contextmanager
def _heartbeat(
    kept: Store, search_id: int, owner: str, trainer: Trainer | OwnTrainer | RayTrainer
) -> Iterator[None]:
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
    """Where the wall-clock went: seconds of each phase, and those that keeping and showing took.

    The search waited for `kept` of them. MLflow's thread worked `beside` seconds while it went on.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    kept: float = 0.0
    beside: float | None = None

    def taken(self) -> dict[str, float]:
        """The seconds of the phases, which are no longer in here then."""
        seconds, self.seconds = self.seconds, {}
        return seconds

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


def _notes(task: Task | OwnTraining, folds: int) -> Iterator[str]:
    """What a user should know of the task before the search begins."""
    if isinstance(task, Task):
        yield from task.notes
        yield from doubts(task, folds)
        if copies := overlap(task.train, task.test):
            yield (
                f"{copies:,} of the {len(task.test[1]):,} test samples are also in train, number for number: "
                "the verdict's scores will be too good; drop them"
            )


def _check_runner(runner: str | None) -> None:
    if runner not in (None, *RUNNERS):
        raise UserError(f"the runner must be one of {', '.join(RUNNERS)}, but got {runner}")
    check_launcher()


def _free_name(base: str, taken: list[str]) -> str:
    """`base` with the first number that is free."""
    number = 1
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"
