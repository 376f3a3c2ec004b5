"""Ctrl-C: said once, lost never, and nothing that was finished is trained again."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from lossmith.experiments.running.ctrl_c import CtrlC, listening

pytestmark = pytest.mark.end_to_end
LOSSMITH = str(Path(sys.executable).with_name("lossmith"))
LOOP = """
import os, time
import torch
from torch import nn

X = torch.randn(48, 3, generator=torch.Generator().manual_seed(0))
Y = (X.sum(1) > 0.8).long()

def train(loss, trial):
    with open("trained.txt", "a") as file:
        file.write("x")
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.learning_rate)
    for rows in torch.randperm(48).split(16):
        optimizer.zero_grad()
        loss(model(X[rows]), Y[rows]).backward()
        optimizer.step()
    time.sleep(float(os.environ.get("PAUSE", "0")))
    return float((model(X).argmax(1) == Y).float().mean())
"""
SPEC = """
task: loop.py:train
training: {kind: multiclass, metric: accuracy, workers: 2}
trials: 4
cohort: 4
headroom: warn
repeats: {seeds: 2}
race: {seeds: 2, contenders: 2}
verdict: {seeds: 2}
insight: false
"""


def until(true: Callable[[], object], what: str) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + 240
    while not true():
        assert time.monotonic() < end, f"still waiting for {what}"
        time.sleep(0.05)


def trained(folder: Path) -> int:
    """How many trainings were begun, the rehearsal included."""
    file = folder / "trained.txt"
    return len(file.read_text()) if file.exists() else 0


def kept(folder: Path) -> int:
    """How many trainings of the unit that is going on the store holds."""
    with sqlite3.connect(folder / "data/lossmith.db") as store:
        return int(store.execute("SELECT count(*) FROM lossmith_trainings").fetchone()[0])


def command(folder: Path, *words: str, pause: float = 0.0) -> subprocess.Popen[str]:
    """A lossmith command in a group of its own, as a shell starts it."""
    return subprocess.Popen(
        [LOSSMITH, *words, "--workdir", "data"],
        cwd=folder,
        env=os.environ | {"PAUSE": str(pause)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_before_a_search_each_press_raises_and_none_is_lost() -> None:
    """What swallows the exception does not swallow the flag."""
    with listening() as ctrl_c:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            ctrl_c.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_a_search_the_first_press_stops_and_the_second_raises() -> None:
    """Training is asked to stop; whoever does not want to wait for that presses again."""
    ctrl_c, stop = CtrlC(), Event()
    with ctrl_c.stopping(stop.set):
        ctrl_c()
        assert stop.wait(60)
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()


def test_a_handler_that_is_there_is_left_alone() -> None:
    """Somebody else's handling of Ctrl-C, as in a worker, stays as it is."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with listening():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_training_of_ones_own_is_kept_as_it_ends(tmp_path: Path) -> None:
    """A search killed in the middle of a phase trains on resume what had not ended, and ends alike."""
    for name in ("killed", "peace"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "loop.py").write_text(LOOP)
        (tmp_path / name / "spec.yaml").write_text(SPEC)
    peace = command(tmp_path / "peace", "search", "spec.yaml", "--name", "own", "--json")
    undisturbed = json.loads(peace.communicate(timeout=500)[0])

    folder = tmp_path / "killed"
    running = command(folder, "search", "spec.yaml", "--name", "own", pause=0.3)
    until(lambda: trained(folder) > 8, "trainings")
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    held = kept(folder)
    assert held >= 4

    resumed = command(folder, "resume", "own", "--json")
    out, _ = resumed.communicate(timeout=500)
    found = json.loads(out)
    assert [t["scores"] for t in found["trials"]] == [t["scores"] for t in undisturbed["trials"]]
    # Two rehearsals, and of what was begun at the kill as many again as there were workers.
    assert trained(folder) <= trained(tmp_path / "peace") + 1 + 2
    assert kept(folder) == 0


def test_ctrl_c_in_a_search_names_how_to_go_on(tmp_path: Path) -> None:
    """One press ends a search of one's own function with status 130, and what it trained is kept."""
    (tmp_path / "loop.py").write_text(LOOP)
    (tmp_path / "spec.yaml").write_text(SPEC)
    running = command(tmp_path, "search", "spec.yaml", "--name", "own", pause=0.3)
    until(lambda: trained(tmp_path) > 8, "trainings")
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130, said
    assert "nothing finished is lost; resume with:" in said.splitlines()[-1]
    assert "resume own" in said.splitlines()[-1]
    assert kept(tmp_path) >= 4


def test_ctrl_c_before_the_search_exists_says_so(tmp_path: Path) -> None:
    """While the function is rehearsed there is nothing to resume, and nothing is kept."""
    (tmp_path / "loop.py").write_text(LOOP)
    (tmp_path / "spec.yaml").write_text(SPEC)
    running = command(tmp_path, "search", "spec.yaml", "--name", "own", pause=60)
    until(lambda: trained(tmp_path) == 1, "the rehearsal")
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130, said
    assert said.splitlines()[-1] == "interrupted before the search began; nothing is kept of it"
