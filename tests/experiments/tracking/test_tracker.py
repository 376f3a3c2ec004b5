"""The tracker, with an MLflow that can be slow, down, or killed in the middle."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lossmith.experiments.store import SearchRecord, Store, new_owner
from lossmith.experiments.tracking import Tracker
from lossmith.experiments.tracking.documents import Conclusion, RunDocument
from lossmith.experiments.tracking.log_filters import THREAD_PREFIX, silence
from lossmith.search.records import Trial

from ..conftest import made_verdict

Keep = Callable[[int], list[Trial]]


@dataclass
class PretendMlflow:
    """An MLflow in memory: connection and delivery in one.

    `faults` counts the calls that are still to fail; `loses` the pages that are written and then not
    reported, as when a process is killed; while `open_gate` is not set, every page hangs.
    """

    experiment_id: str = "1"
    run_id: str = "parent"
    page: int = 3
    faults: int = 0
    loses: int = 0
    open_gate: threading.Event = field(default_factory=threading.Event)
    hanging: threading.Event = field(default_factory=threading.Event)
    runs: list[RunDocument] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    looked_for: list[Sequence[str]] = field(default_factory=list)
    conclusions: list[Conclusion] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.open_gate.set()

    @property
    def delivery(self) -> PretendMlflow:
        """Itself."""
        return self

    @property
    def numbers(self) -> list[int]:
        """The trials it holds, by number, in the order in which they came."""
        return [run.number for run in self.runs]

    def connect(self, _uri: str, _search: SearchRecord, _artifacts: Path | None) -> PretendMlflow:
        """Stands for `connection.connect`."""
        self._fail()
        return self

    def find(self, labels: Sequence[str]) -> Mapping[str, str]:
        """The runs of these labels."""
        self.looked_for.append(labels)
        return {run.label: f"run-{run.number}" for run in self.runs if run.label in labels}

    def deliver(self, runs: Sequence[RunDocument]) -> Mapping[int, str]:
        """Holds the runs, sooner or later."""
        self.hanging.set()
        self.open_gate.wait()
        self._fail()
        self.runs += runs
        self.pages.append(len(runs))
        if self.loses:
            self.loses -= 1
            raise ConnectionError("killed before the store heard of it")
        return {run.number: f"run-{run.number}" for run in runs}

    def conclude(self, conclusion: Conclusion) -> None:
        """Holds the conclusion."""
        self._fail()
        self.conclusions.append(conclusion)

    def _fail(self) -> None:
        if self.faults:
            self.faults -= 1
            raise ConnectionError("MLflow is down\nand says more than a line")


@pytest.fixture
def mlflow() -> PretendMlflow:
    """An MLflow that works."""
    return PretendMlflow()


def tracker_of(store: Store, search: SearchRecord, mlflow: PretendMlflow) -> Tracker:
    """A tracker that repeats at once what failed, not started yet."""
    return Tracker(
        store, search, "pretend:", owner=search.owner, retry_s=0.001, open_connection=mlflow.connect
    )


@pytest.fixture
def tracker(store: Store, search: SearchRecord, mlflow: PretendMlflow) -> Tracker:
    """A tracker that has not been started."""
    return tracker_of(store, search, mlflow)


def test_every_trial_is_delivered_once(
    tracker: Tracker, store: Store, search: SearchRecord, mlflow: PretendMlflow, keep: Keep
) -> None:
    """Trials from before the start and from after it arrive in their order, and are marked in the store."""
    keep(4)
    with tracker:
        keep(5)
        tracker.wake()
        assert tracker.flush() == 0
        keep(2)
        assert tracker.flush() == 0
    assert mlflow.numbers == list(range(11))
    assert store.count_untracked(search.id) == 0
    assert (store.get("digits-1").experiment_id, store.get("digits-1").run_id) == ("1", "parent")


def test_memory_is_bounded_by_a_page(tracker: Tracker, mlflow: PretendMlflow, keep: Keep) -> None:
    """However many trials wait, no more than a page is held."""
    keep(20)
    with tracker:
        assert tracker.flush() == 0
    assert max(mlflow.pages) <= mlflow.page
    assert sum(mlflow.pages) == 20


def test_a_search_goes_on_while_mlflow_hangs(tracker: Tracker, mlflow: PretendMlflow, keep: Keep) -> None:
    """Keeping trials and waking the tracker return though a page never ends, and `flush` gives up in time."""
    mlflow.open_gate.clear()
    keep(4)
    with tracker:
        mlflow.hanging.wait()
        keep(4)
        tracker.wake()
        assert tracker.flush(timeout_s=0.0) == 8
        mlflow.open_gate.set()
        assert tracker.flush() == 0
    assert mlflow.numbers == list(range(8))


def test_what_mlflow_refused_is_delivered_when_it_is_back(
    tracker: Tracker, mlflow: PretendMlflow, keep: Keep
) -> None:
    """A server that was down costs no trial; meanwhile `problem` says in one line what is wrong."""
    mlflow.faults = 10**9
    keep(5)
    with tracker:
        assert tracker.flush(timeout_s=0.1) == 5
        assert tracker.problem == "ConnectionError: MLflow is down and says more than a line"
        mlflow.faults = 2
        assert tracker.flush() == 0
        tracker.stop()
        assert tracker.problem is None
    assert mlflow.numbers == list(range(5))


def test_what_was_left_is_delivered_by_the_next_tracker(
    tracker: Tracker, store: Store, search: SearchRecord, mlflow: PretendMlflow, keep: Keep
) -> None:
    """A search that ended while MLflow was down catches up when it is resumed, its end included."""
    mlflow.faults = 10**9
    keep(5)
    with tracker:
        tracker.finish(made_verdict())
        assert tracker.flush(timeout_s=0.1) == 5
    assert store.count_untracked(search.id) == 5
    mlflow.faults = 0
    store.finish(search.id, "finished", made_verdict())
    with tracker_of(store, search, mlflow) as successor:
        successor.finish(made_verdict())
        assert successor.flush() == 0
    assert mlflow.numbers == list(range(5))
    assert [conclusion.status for conclusion in mlflow.conclusions] == ["finished"]
    assert store.count_untracked(search.id) == 0


def test_a_page_that_arrived_unheard_is_not_sent_again(
    tracker: Tracker, store: Store, search: SearchRecord, mlflow: PretendMlflow, keep: Keep
) -> None:
    """MLflow had the page, the store was not told: the trials are looked for before they are sent again."""
    mlflow.loses = 2
    keep(8)
    with tracker:
        assert tracker.flush() == 0
    assert mlflow.numbers == list(range(8))
    assert store.count_untracked(search.id) == 0


def test_a_flush_tells_what_is_left_when_it_returns(
    tracker: Tracker, store: Store, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is delivered between the last look and the end of the wait counts as delivered."""
    count = store.count_untracked

    def looked_at_early(search_id: int) -> int:
        left = count(search_id)
        with tracker._turn:
            tracker._turn.wait_for(lambda: tracker._idle, timeout=10)
        return left

    keep(8)
    looks = iter([count])  # the first look is before anything is delivered

    def look(search_id: int) -> int:
        return next(looks, looked_at_early)(search_id)

    monkeypatch.setattr(store, "count_untracked", look)
    with tracker:
        assert tracker.flush() == 0


def test_a_tracker_looks_before_its_first_page(tracker: Tracker, mlflow: PretendMlflow, keep: Keep) -> None:
    """In doubt is what a killed tracker may have been writing; later pages do not pay for that."""
    keep(9)
    with tracker:
        assert tracker.flush() == 0
    assert len(mlflow.looked_for) == 1


def test_a_tracker_whose_search_was_claimed_stops(
    tracker: Tracker, store: Store, search: SearchRecord, mlflow: PretendMlflow, keep: Keep
) -> None:
    """One process delivers the trials of a search: the one that owns it."""
    keep(4)
    store.claim(search.id, new_owner(), stale_after_s=0.0)
    with tracker:
        assert tracker.flush() == 4
    assert mlflow.numbers == []


def test_another_mlflow_gets_every_trial(
    tracker: Tracker, store: Store, search: SearchRecord, mlflow: PretendMlflow, keep: Keep
) -> None:
    """A search that is resumed where MLflow does not know it is whole there, which is said."""
    keep(4)
    with tracker:
        assert tracker.flush() == 0
    assert not tracker.renewed
    other = PretendMlflow(run_id="elsewhere")
    with tracker_of(store, store.get(search.name), other) as successor:
        assert successor.flush() == 0
    assert successor.renewed
    assert other.numbers == mlflow.numbers


def test_the_end_is_told_after_the_last_trial(tracker: Tracker, mlflow: PretendMlflow, keep: Keep) -> None:
    """The parent run hears the verdict once, when all its children are there."""
    keep(7)
    with tracker:
        tracker.finish(made_verdict(), Path("/artifacts"), "finished")
        assert tracker.flush() == 0
        assert tracker.flush() == 0
    assert mlflow.conclusions == [Conclusion("finished", made_verdict(), Path("/artifacts"))]
    assert len(mlflow.runs) == 7


@pytest.mark.parametrize("fails", [None, ImportError])
def test_what_the_conclusion_needs_is_got_ready_before_it(
    tracker: Tracker, mlflow: PretendMlflow, keep: Keep, fails: type[Exception] | None
) -> None:
    """In the tracker's thread, once, after what is there to deliver; that it failed stops nothing."""
    called: list[tuple[str, int]] = []

    def prepare() -> None:
        called.append((threading.current_thread().name, len(mlflow.runs)))
        if fails:
            raise fails

    keep(5)
    tracker.start(prepare)
    assert tracker.flush() == 0
    keep(3)
    assert tracker.flush() == 0
    assert tracker.problem is None
    ((thread, delivered),) = called
    assert thread.startswith(THREAD_PREFIX)
    assert delivered == 5


def test_progress_ends_with_everything(tracker: Tracker, mlflow: PretendMlflow, keep: Keep) -> None:
    """`flush` reports how far it is, never backwards, and last that all is delivered."""
    mlflow.open_gate.clear()
    keep(8)
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        mlflow.open_gate.set()
        seen.append((done, total))

    with tracker:
        assert tracker.flush(progress) == 0
    assert seen == sorted(seen)
    assert seen[-1] == (8, 8)


def test_flushing_nothing_returns_at_once(tracker: Tracker) -> None:
    """Without trials there is nothing to wait for, whether the tracker runs or not."""
    assert tracker.flush() == 0
    with tracker:
        assert tracker.flush() == 0
    assert tracker.flush() == 0


@pytest.mark.end_to_end
def test_importing_the_tracker_imports_no_mlflow(tmp_path: Path) -> None:
    """The second it takes is spent in the tracker's thread, behind the search."""
    code = "import sys, lossmith.experiments.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


def test_only_the_trackers_thread_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """MLflow says nothing on the terminal from the tracker's thread, and what it always says elsewhere."""
    silence()

    def speak() -> None:
        for name in ("mlflow.store", "alembic.runtime.migration", "urllib3.connectionpool"):
            logging.getLogger(name).error("said by %s", threading.current_thread().name)

    for name in (f"{THREAD_PREFIX}-digits-1", "mine"):
        thread = threading.Thread(target=speak, name=name)
        thread.start()
        thread.join()
    heard = capfd.readouterr().err
    assert "said by mine" in heard
    assert THREAD_PREFIX not in heard
