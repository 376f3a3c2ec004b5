"""The front doors: a SPEC in, an experiment out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from ...losses.custom import fingerprints
from ...losses.errors import UserError, installed
from ...search import Task, TrainingFunction
from ...search.records import EngineChoice
from ...search.tasks import TaskRecord
from ...search.tasks.load import check_subject
from ...spaces import own_terms
from ..experiment import Experiment
from ..progress import Progress, python_progress
from ..results.reading import task_of
from ..spec import SearchSpec, load_spec
from ..store import RunNotes, SearchRecord, Store, new_owner, shown, store_exists
from ..tracking.address import check_address
from ..usercode import keep_tables, pack, term_files, transfer_files, unpack_for_resume
from .ctrl_c import CtrlC, listening
from .driver import drive
from .forecast import forecast
from .jobs import check_launcher
from .prepared_search import PreparedSearch
from .runners import DEFAULT, Training, runner_named
from .workdir import Places, check, open_store, places


def run_search(  # noqa: PLR0913  (a front door: each argument is one the command line has too)
    spec: SearchSpec | Mapping[str, Any] | str | Path,
    *,
    task: Task | TrainingFunction | None = None,
    name: str | None = None,
    workdir: str | Path | None = None,
    store: str | None = None,
    runner: str | None = None,
    files: Sequence[str | Path] = (),
    progress: Progress | None = None,
) -> Experiment:
    """Search the loss that a SPEC asks for, to the verdict, and return the experiment.

    Everything a user can get wrong is said before anything is written.

    Args:
        spec: A SPEC, a mapping with its keys, or the path of a YAML file.
        task: A task or a training function that was made here, as in a notebook; the SPEC then names none.
        name: What to call the search, new in its store; None makes a name of the task's.
        workdir: Where the store, MLflow's data and artifacts are kept; None is LOSSMITH_HOME or
            ./lossmith-data.
        store: The URL of another store; None is LOSSMITH_STORE or SQLite in the workdir.
        runner: Where losses are trained: "local" (None too) or "ray".
        files: Files of code that are kept with the search beside its task's own, to resume it elsewhere.
        progress: Where the search tells what it does; None is a terminal or a notebook, and nothing
            elsewhere.

    Raises:
        UserError: Something of what is asked for cannot be.
        KeyboardInterrupt: The user pressed Ctrl-C. Once there is a search, the exception's attribute `search`
            is its name; nothing finished is lost, and `resume_search` goes on.
    """
    if task is not None:
        spec = with_task(spec, task)
    with listening() as ctrl_c:
        wanted = load_spec(spec, {"name": name})
        _check_runner(runner)
        where = places(workdir, store)
        check(where)
        owner, display = new_owner(), progress or python_progress()
        _check_mlflow(where, display)
        if store_exists(where.store_url):  # one that cannot be used is refused before anything is read
            with Store.open(where.store_url) as there:
                if wanted.name:
                    there.check_free(wanted.name)
        search = PreparedSearch.of(wanted, task)
        code = (*term_files(wanted.space), *transfer_files(wanted.transfer), *files)
        shipped = pack(wanted.task if task is None else None, code)
        kept_with_it = RunNotes(runner=runner or DEFAULT, files=shipped)
        if data := os.environ.get("LOSSMITH_DATA"):
            wanted = wanted.model_copy(update={"task": keep_tables(wanted.task, Path(data))})
        with _training(search, runner, display) as training:
            kept = open_store(where)
            display.note(forecast(search.task, search.plan, training, search.named))
            chosen = wanted.name or _free_name(name_from(search.task.name), kept.names())
            described = search.describe(training).to_json()
            ctrl_c.check()
            record = kept.create(chosen, wanted.to_json(), described, wanted.seed, owner, kept_with_it)
            return _driven(ctrl_c, search, kept, record, owner, where, display, training)


def with_task(
    spec: SearchSpec | Mapping[str, Any] | str | Path, task: Task | TrainingFunction
) -> Mapping[str, Any]:
    """Return the keys of a SPEC for a task that was made in Python: its name stands where a file would.

    Args:
        spec: A mapping with the keys of a SPEC but `task`.
        task: A task or a training function.

    Raises:
        UserError: The SPEC is no such mapping, or the task none.
    """
    check_subject(task, "task")
    if not isinstance(spec, Mapping) or "task" in spec:
        raise UserError(
            "a task that is given as an object must go with a mapping that names none, such as "
            f"run_search({{'trials': 64}}, task=...), but got {spec!r}"
        )
    return {**spec, "task": task.name}


def resume_search(
    name: str,
    *,
    task: Task | TrainingFunction | None = None,
    workdir: str | Path | None = None,
    store: str | None = None,
    runner: str | None = None,
    progress: Progress | None = None,
) -> Experiment:
    """Go on with a search that was interrupted, killed or cancelled; what is finished is not trained again.

    A search that is finished is returned as it is, once whatever MLflow has not seen yet is delivered.

    Args:
        name: The name of the search.
        task: The task, where the search was given one that was made in Python.
        workdir: As of `run_search`.
        store: As of `run_search`.
        runner: As of `run_search`; it may be another than before.
        progress: As of `run_search`.

    Raises:
        UserError: There is no such search, another process runs it, or its data or losses have changed.
        KeyboardInterrupt: As of `run_search`.
    """
    with listening() as ctrl_c:
        return _resumed(name, task, places(workdir, store), runner, progress, ctrl_c)


def _resumed(
    name: str,
    task: Task | TrainingFunction | None,
    where: Places,
    runner: str | None,
    progress: Progress | None,
    ctrl_c: CtrlC,
) -> Experiment:
    _check_runner(runner)
    check(where)
    if not store_exists(where.store_url):
        raise UserError(
            f"a search must be in a store to be resumed, but there is none at {shown(where.store_url)}; name "
            "another with --workdir or --store"
        )
    kept = open_store(where)
    record = kept.get(name)
    began = task_of(record)
    if began.given and task is None:
        raise UserError(
            f"the task of {name} was made in Python, so it must be given again: "
            f"resume_search({name!r}, task=...)"
        )
    asked = SearchSpec.from_json(record.spec)
    asked = _found_here(asked, record, where, given=task is not None)
    _check_terms(asked, began)
    search = PreparedSearch.of(asked, task)
    before, now = began.fingerprint, search.task.describe().fingerprint
    if before != now:
        raise UserError(
            f"a resumed search must find the data it began with, but that of {name} has changed "
            f"(fingerprint {before}, now {now}); restore it, or start a new search"
        )
    owner, display = new_owner(), progress or python_progress()
    _check_mlflow(where, display)
    with _training(search, runner, display, began.engine) as training:
        ctrl_c.check()
        kept.claim(record.id, owner)
        return _driven(ctrl_c, search, kept, record, owner, where, display, training)


def _found_here(asked: SearchSpec, record: SearchRecord, where: Places, *, given: bool) -> SearchSpec:
    """The SPEC with its code where this machine has it: what is missing here is written down."""
    folder, changes = where.workdir / "shipped" / record.name, dict[str, Any]()
    files = record.notes.files or {}
    if not given:
        changes["task"] = unpack_for_resume(asked.task, files, folder)
    changes["transfer"] = [unpack_for_resume(other, files, folder) for other in asked.transfer]
    if terms := own_terms(asked.space):
        here = [unpack_for_resume(term, files, folder) for term in terms]
        changes["space"] = {**cast("dict[str, Any]", asked.space), "terms": here}
    return asked.model_copy(update=changes)


def _check_terms(asked: SearchSpec, began: TaskRecord) -> None:
    """Raise `UserError` where the file of a loss of the user's own is not what the search began with."""
    before, now = began.terms or {}, fingerprints(own_terms(asked.space))
    for term in now.keys() & before.keys():
        if before[term] != now[term]:
            raise UserError(
                f"a resumed search must find the losses it began with, but the file of {term} has changed "
                f"(fingerprint {before[term]}, now {now[term]}); restore it, or start a new search"
            )


def _driven(
    ctrl_c: CtrlC, search: PreparedSearch, kept: Store, record: SearchRecord, *rest: Any
) -> Experiment:
    """`drive`, whose KeyboardInterrupt names the search, whenever it comes."""
    try:
        return drive(search, kept, record, *rest, ctrl_c=ctrl_c)
    except KeyboardInterrupt as stop:
        stop.search = record.name  # type: ignore[attr-defined]  # the command line names it
        raise


@contextmanager
def _training(
    search: PreparedSearch, runner: str | None, progress: Progress, before: EngineChoice | None = None
) -> Iterator[Training]:
    """Who trains, made before anything is written and before any thread is started: workers are forked."""
    for line in (*search.task.notes, *search.warnings):
        progress.note(line)
    for other in search.others:
        for line in (*other.notes, *other.warnings(search.plan.folds)):
            progress.note(f"transfer: {other.name}: {line}")
    training = search.start(runner, progress.note, before)
    try:
        yield training
    finally:
        training.close()


def _check_mlflow(where: Places, progress: Progress) -> None:
    """Say at the start what is wrong with MLflow's address."""
    if installed("mlflow") and (line := check_address(where.tracking_uri)):
        progress.note(line)


def _check_runner(runner: str | None) -> None:
    runner_named(runner)
    check_launcher()


def name_from(task: str) -> str:
    """Make the beginning of a search's name by the rule for names of searches.

    Args:
        task: The name of its task.
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", task).strip("-._")[:90] or "search"


def _free_name(base: str, taken: list[str]) -> str:
    """`base` with the first number that is free."""
    number = 1
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"
