"""Feeds MLflow from the store, behind the search: whatever MLflow does, the search goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from ...losses.errors import one_line
from ...search.records import Verdict
from ..store import SearchRecord, Status, Store
from .connection import Connection, connect
from .documents import Conclusion, Present, label, run_document
from .log_filters import THREAD_PREFIX

MODEL = "model"  # the note with the name of the registered model
_GLANCE_S = 0.5  # how often `flush` looks around when nothing happens
_LONGEST_RETRY_S = 60.0


class Tracker:
    """Delivers the trials of one search to MLflow from a thread of its own, each once.

    A trial counts as tracked when its row in the store carries a run id. What MLflow did not take stays in
    the store and is delivered later: by a retry, by `flush`, or by the tracker of the next resume. The thread
    sleeps until `wake` is called and holds one page of trials at a time. Nothing is started or imported
    before `start`.

    Args:
        store: Where trials come from.
        search: The search.
        tracking_uri: The address of a server or of a database.
        owner: Who runs the search: the tracker stops when another owner claims it. None for whoever it is.
        artifacts: Where files go when `tracking_uri` is a database.
        retry_s: The pause after a first failure, in seconds; it doubles with each.
        open_connection: Connects to MLflow, as `connect` does.
    """

    def __init__(
        self,
        store: Store,
        search: SearchRecord,
        tracking_uri: str,
        *,
        owner: str | None = None,
        artifacts: Path | None = None,
        retry_s: float = 1.0,
        open_connection: Callable[[str, SearchRecord, Path | None], Connection] = connect,
    ) -> None:
        self._store = store
        self._search = search
        self._open: Callable[[], Connection] = lambda: open_connection(tracking_uri, search, artifacts)
        self._retry_s = retry_s
        self._owner = owner
        self._prepare: Callable[[], None] | None = None
        self._connection: Connection | None = None
        self._conclusion: Conclusion | None = None
        self._in_doubt = True  # a tracker before this one may have been killed between MLflow and the store
        self._turn = threading.Condition()
        self._turns = 0
        self._awake = True  # there may be something to do
        self._hurried = False  # a retry must not wait
        self._idle = False  # nothing was left to do, and nobody has called since
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"{THREAD_PREFIX}-{search.name}", daemon=True)
        self.problem: str | None = None
        self.renewed = False  # MLflow did not know the search any more, and is given it anew
        self.cpu_s = 0.0

    def start(self, prepare: Callable[[], None] | None = None) -> Self:
        """Start the thread, which makes the parent run and delivers what is waiting.

        Args:
            prepare: Called once, in the thread, when it has nothing to do for the first time: what the
                conclusion needs is better imported while the search goes on than when it waits for its end.
        """
        self._prepare = prepare
        self._thread.start()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wake(self) -> None:
        """Say that trials were kept. Returns at once."""
        with self._turn:
            self._awake = True
            self._turn.notify_all()

    def finish(
        self,
        verdict: Verdict | None = None,
        artifacts: Path | None = None,
        status: Status = "finished",
        present: Present | None = None,
    ) -> None:
        """Have the parent run told how the search ended, once every trial is delivered. Returns at once.

        Args:
            verdict: What the search came to.
            artifacts: A directory whose files are logged.
            status: How the search ended.
            present: Makes further artifacts and the model, in the tracker's thread; see `Conclusion`.
        """
        with self._turn:
            self._conclusion = Conclusion(status, verdict, artifacts, present)
        self.wake()

    def flush(self, progress: Callable[[int, int], None] | None = None, timeout_s: float = 120.0) -> int:
        """Wait until MLflow has everything. A retry that is waiting is made at once.

        Args:
            progress: Called with the trials delivered and the trials there were to deliver.
            timeout_s: Seconds after which the tracker gives up; `problem` then says why.

        Returns:
            How many trials MLflow has not got; 0 means that all is well.
        """
        waited_s, mark = 0.0, time.monotonic()
        left = total = self._store.count_untracked(self._search.id)
        with self._turn:
            self._awake, self._hurried, self._idle = True, True, False
            seen = self._turns
            self._turn.notify_all()
        while self._thread.is_alive() and not self._idle:
            if waited_s >= timeout_s or (self.problem and not left and self._conclusion is None):
                break
            with self._turn:
                self._turn.wait_for(partial(self._turned_since, seen), min(timeout_s - waited_s, _GLANCE_S))
                seen = self._turns
            left = self._store.count_untracked(self._search.id)
            now = time.monotonic()
            waited_s, mark = (
                waited_s + min(now - mark, 2 * _GLANCE_S),
                now,
            )  # a machine that slept did not wait
            total = max(total, left)  # a new MLflow lacks what another has
            if progress is not None:
                progress(total - left, total)
        return self._store.count_untracked(self._search.id)  # it may have got on since it was looked

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread after the page it is at; if it hangs in MLflow, it ends with the process.

        Args:
            timeout_s: Seconds to wait for the thread.
        """
        with self._turn:
            self._stopped = True
            self._turn.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _turned_since(self, seen: int) -> bool:
        return self._turns != seen

    # In the thread

    def _run(self) -> None:
        retry_s = self._retry_s
        while not self._stopped:
            with self._turn:
                self._awake = self._hurried = False
            try:
                busy = self._step()
            except Exception as error:  # noqa: BLE001  (whatever MLflow raises, the search goes on)
                self.problem = one_line(f"{type(error).__name__}: {error}", 300)
                self._connection, self._in_doubt = None, True
                self._rest(lambda: self._hurried, retry_s)  # trials keep coming; they must not hurry a retry
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)
            else:
                self.problem = None
                retry_s = self._retry_s
                if not busy:
                    with self._turn:
                        self._idle = not self._awake
                    self._rest(lambda: self._awake, None)

    def _rest(self, over: Callable[[], bool], timeout_s: float | None) -> None:
        """Sleep until it is `over`, at most `timeout_s` seconds."""
        self.cpu_s = time.thread_time()
        with self._turn:
            self._turns += 1
            self._turn.notify_all()
            self._turn.wait_for(lambda: over() or self._stopped, timeout_s)

    def _step(self) -> bool:
        """Do the next piece of work; False when there is none."""
        if self._connection is None:
            connection = self._open()
            self._store.set_run(self._search.id, connection.experiment_id, connection.run_id)
            self.renewed = self._search.run_id not in (None, connection.run_id)
            self._connection = connection
        if self._owner is not None and not self._store.holds(self._search.id, self._owner):
            self._stopped = True
            return False
        if self._deliver(self._connection):
            return True
        return self._conclude(self._connection) or self._prepared()

    def _prepared(self) -> bool:
        """Get ready for the conclusion; False where that has been done."""
        if self._prepare is None:
            return False
        prepare, self._prepare = self._prepare, None
        if self._conclusion is None:
            with suppress(Exception):  # what is wrong will be said when it is needed
                prepare()
        return True

    def _deliver(self, connection: Connection) -> bool:
        page = self._store.untracked(self._search.id, connection.delivery.page)
        if not page:
            return False
        numbers = {label(self._search, stored.trial.number): stored.trial.number for stored in page}
        found = connection.delivery.find(list(numbers)) if self._in_doubt else {}
        known = {numbers[name]: run_id for name, run_id in found.items()}
        runs = [
            run_document(stored, self._search, connection.run_id)
            for stored in page
            if stored.trial.number not in known
        ]
        made = connection.delivery.deliver(runs) if runs else {}
        self._store.mark_tracked(self._search.id, {**known, **made})
        # Pages follow each other in a fixed order: past one that nobody began, there is no doubt.
        self._in_doubt = bool(known)
        with self._turn:
            self._turns += 1
            self._turn.notify_all()
        return True

    def _conclude(self, connection: Connection) -> bool:
        conclusion = self._conclusion
        if conclusion is None:
            return False
        model = connection.conclude(conclusion)
        if model is not None:
            self._store.note(self._search.id, MODEL, model)
        with self._turn:
            if self._conclusion is conclusion:  # else there is a newer one
                self._conclusion = None
        return True
