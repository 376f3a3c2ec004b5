"""kill -9 at every moment that could lose or double something."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lossmith.experiments import Experiment, resume_search, run_search
from lossmith.experiments.store import Store

from .test_search import children, deterministic

pytestmark = pytest.mark.end_to_end

# Runs or resumes a search and kills its own process before or after the given call of a function.
KILLED = """
import os, signal, sys
from lossmith.experiments import resume_search, run_search
from lossmith.experiments.store import Store

spec, workdir, name, method, when, call = sys.argv[1:]
original, calls = getattr(Store, method), []

def killed(self, *args, **more):
    calls.append(None)
    last = len(calls) == int(call)
    if last and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(self, *args, **more)
    if last and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(Store, method, killed)
known = os.path.exists(os.path.join(workdir, "lossmith.db"))
resume_search(name, workdir=workdir) if known else run_search(spec, name=name, workdir=workdir)
"""

# Each is the moment of one kill; the search is resumed after each and killed again.
MOMENTS = (
    ("save_unit", "before", 1),  # headroom trained, not kept
    ("save_unit", "after", 1),  # headroom kept
    ("save_unit", "after", 1),  # a cohort kept, perhaps not in MLflow
    ("save_unit", "before", 2),  # a cohort trained, not kept
    ("save_unit", "after", 3),  # the race begun
    ("finish", "before", 1),  # the verdict kept, the search not yet finished
)


def kill(spec: Path, work: Path, method: str, when: str, call: int) -> str:
    """Run or resume the search until it kills itself; the status it is left in."""
    arguments = [str(spec), str(work), "clouds", method, when, str(call)]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, f"{method} {when} {call}: {done.stderr}"
    with Store.open(f"sqlite:///{work / 'lossmith.db'}") as store:
        return store.get("clouds").status


def test_kill_9_loses_nothing_and_doubles_nothing(spec: Path, tmp_path: Path) -> None:
    """Killed at six moments and resumed, a search has the trials, winner and runs of one left alone."""
    work = tmp_path / "killed"
    for moment in MOMENTS:
        assert kill(spec, work, *moment) == "interrupted"
    resumed = resume_search("clouds", workdir=work)
    undisturbed = run_search(spec, name="clouds", workdir=tmp_path / "undisturbed")
    assert deterministic(resumed) == deterministic(undisturbed)
    for place, experiment in ((work, resumed), (tmp_path / "undisturbed", undisturbed)):
        assert _tracked(place, experiment) == [t.number for t in experiment.trial_list]


@pytest.mark.parametrize("when", ["before", "after"])
def test_kill_9_while_mlflow_is_fed_doubles_no_run(spec: Path, tmp_path: Path, when: str) -> None:
    """A kill between MLflow and the store's note of it leaves one run for each trial after a resume."""
    kill(spec, tmp_path / "work", "mark_tracked", when, 1)
    resumed = resume_search("clouds", workdir=tmp_path / "work")
    assert _tracked(tmp_path / "work", resumed) == [t.number for t in resumed.trial_list]


def _tracked(workdir: Path, experiment: Experiment) -> list[int]:
    runs = children(workdir, experiment)
    assert all(run.info.status != "RUNNING" for run in runs)
    return sorted(int(run.data.tags["lossmith.trial"].rpartition("/")[2]) for run in runs)
