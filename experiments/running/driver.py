"""The driver: a search from its first unit to its last, each kept in the store as soon as it is finished."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from threading import Event, Thread

from ...losses.errors import install, installed, one_line
from ...search import conduct
from ...search.records import Ledger, Verdict
from ...search.training.program import Stopped
from ..experiment import Experiment
from ..progress import Progress
from ..store import ClaimLost, SearchRecord, Status, Store, StoreLedger, patient
from ..tracking import Tracker
from ..tracking.artifacts import import_ahead, present
from ..tracking.no_tracker import NoTracker
from ..version import versions
from .ctrl_c import CtrlC
from .prepared_search import PreparedSearch
from .runners import Training
from .timing import TimedLedger, Timing
from .workdir import Places

_LOG = logging.getLogger("lossmith.driver")
HEARTBEAT_S = 10.0
FLUSH_S = 60.0
PARTING_S = 5.0  # what MLflow gets when a search ends early; a resume delivers the rest


def drive(  # noqa: PLR0913  (each is made before the search exists, and closed after it)
    search: PreparedSearch,
    store: Store,
    record: SearchRecord,
    owner: str,
    where: Places,
    progress: Progress,
    training: Training,
    *,
    ctrl_c: CtrlC,
) -> Experiment:
    """Conduct a search under its owner's heartbeat, MLflow being fed behind it.

    Args:
        search: What is searched.
        store: Where it is kept.
        record: The search in the store, held by `owner`.
        owner: This process, as `new_owner` named it.
        where: Where MLflow and its artifacts are.
        progress: Where the search tells what it does; closed in the end.
        training: Who trains; closed in the end.
        ctrl_c: What the user has pressed.

    Returns:
        The search, finished, cancelled or taken over by another process.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C; what is finished is kept.
    """
    started = time.monotonic()
    timing = Timing()
    _LOG.info("search %s, id %d, owner %s", record.name, record.id, owner)
    kept = patient(store, progress.note)
    tracker = _tracker(kept, record, owner, where, progress)
    try:
        ledger = _ledger(StoreLedger(kept, record.id, owner, tracker.wake), timing, training, ctrl_c)
        with _heartbeat(kept, record.id, owner, training):
            tracker.start(import_ahead)
            if search.space.reason and not search.named:
                progress.note(search.space.reason)
            if (used := versions()) not in (before := record.notes.versions or ()):
                kept.note(record.id, "versions", [*before, used])
            with _interruptible(ctrl_c, training):
                conclusion = conduct(
                    search.task,
                    search.space,
                    search.plan,
                    training.runner,
                    ledger,
                    progress,
                    search.spec.sampler,
                    search.others,
                    partial(_keep_verdict, kept, record, owner, progress, []),
                    search.named,
                )
            timing.beside = tracker.cpu_s  # what it does from here on is waited for
            with timing.bookkeeping():
                # Before the search is let go of: whoever resumes it would deliver the same trials beside us.
                left = tracker.flush(timeout_s=FLUSH_S)
                if left:
                    tracker.stop()
                kept.finish(record.id, "finished", conclusion.verdict, conclusion.reason, owner)
                kept.add_seconds(record.id, timing.taken())  # the report that MLflow gets tells them
                if not left:
                    tracker.finish(conclusion.verdict, present=partial(present, kept, record.name))
                    left = tracker.flush(timeout_s=FLUSH_S)
                _say_what_is_left(left, tracker, progress)
    except KeyboardInterrupt:
        _let_go(kept, record, owner, tracker, "interrupted")
        raise
    except (Stopped, ClaimLost):
        progress.note(f"{record.name} was cancelled, or another process took it over")
    except BaseException as error:
        _let_go(kept, record, owner, tracker, "failed", one_line(f"{type(error).__name__}: {error}", 500))
        raise
    finally:
        progress.close()
        training.close()
        tracker.stop()
        beside = tracker.cpu_s if timing.beside is None else timing.beside
        books = {"waited": timing.kept, "bookkeeping": timing.kept + beside}
        kept.add_seconds(record.id, {**timing.seconds, **books, "total": time.monotonic() - started})
    return Experiment(kept, record.name)


def _keep_verdict(
    kept: Store, record: SearchRecord, owner: str, progress: Progress, told: list[str], verdict: Verdict
) -> None:
    """Tell and keep a verdict the moment it is there: it can be shown and exported whatever comes after."""
    if told != [verdict.sentence]:
        told[:] = [verdict.sentence]
        progress.note(f"verdict: {verdict.sentence}")
    kept.keep_verdict(record.id, verdict, owner)


def _ledger(stored: StoreLedger, timing: Timing, training: Training, ctrl_c: CtrlC) -> Ledger:
    """Where units are kept, and single trainings of a user's function; after each Ctrl-C is looked at."""
    wake = stored.kept

    def kept() -> None:
        wake()
        ctrl_c.check()

    checked = replace(stored, kept=kept)
    training.remember(checked)
    return TimedLedger(checked, timing)


@contextmanager
def _interruptible(ctrl_c: CtrlC, training: Training) -> Iterator[None]:
    """Within it Ctrl-C stops the training, and a training that stops because of it is an interruption."""
    try:
        with ctrl_c.stopping(training.stop.set):
            yield
    except Stopped:
        ctrl_c.check()
        raise


def _tracker(
    kept: Store, record: SearchRecord, owner: str, where: Places, progress: Progress
) -> Tracker | NoTracker:
    """Who feeds MLflow; nobody where MLflow is not installed, which is said."""
    if installed("mlflow"):
        return Tracker(kept, record, where.tracking_uri, owner=owner, artifacts=where.artifacts)
    progress.note(f"MLflow is not installed, so trials are in the store alone: {install('mlflow')}")
    return NoTracker()


def _say_what_is_left(left: int, tracker: Tracker | NoTracker, progress: Progress) -> None:
    """Say what MLflow has not taken in the time it was given, and that it was given all of it anew."""
    if tracker.renewed:
        progress.note("MLflow did not know this search any more: it is there again, as a new run")
    if left:
        why = tracker.problem or "it is slow"
        progress.note(f"MLflow has not taken {left} trials yet ({why}); a resume delivers them")
    elif tracker.problem:
        progress.note(f"MLflow has not taken the report yet ({tracker.problem}); a resume delivers it")


def _let_go(
    kept: Store,
    record: SearchRecord,
    owner: str,
    tracker: Tracker | NoTracker,
    status: Status,
    reason: str | None = None,
) -> None:
    with suppress(ClaimLost):  # whoever owns it now says how it ended
        kept.finish(record.id, status, reason=reason, owner=owner)
    tracker.finish(status=status)
    tracker.flush(timeout_s=PARTING_S)


@contextmanager
def _heartbeat(kept: Store, search_id: int, owner: str, training: Training) -> Iterator[None]:
    """Tell the store that the owner lives; stop the training when the search is no longer ours."""
    ended = Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_S):
            try:
                if not kept.heartbeat(search_id, owner):
                    training.stop.set()
                    return
            except Exception as error:  # noqa: BLE001  (a database that is away for a while comes back)
                _LOG.warning("the heartbeat did not reach the store: %s", one_line(error))

    thread = Thread(target=beat, name="lossmith-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
