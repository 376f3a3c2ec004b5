"""A search with a loss of the user's own: resumed, guarded against edits, exported."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import torch

from lossmith.experiments.results import export_loss, task_of
from lossmith.experiments.running.run import resume_search, run_search
from lossmith.experiments.store import StoreLedger
from lossmith.losses import UserError, freeze
from lossmith.losses.family import registry
from lossmith.search.records import Unit

from .conftest import blobs

pytestmark = pytest.mark.end_to_end

TEXT = '''
from torch.nn import functional as F

from lossmith.losses import Parameter, declare


@declare(kind="multiclass", parameters=[Parameter("heat", default=1.0, search=(0.5, 2.0))])
def NAME(outputs, targets, *, heat):
    """Cross entropy at a temperature."""
    return F.cross_entropy(outputs / heat, targets, reduction="none")
'''


def interrupted(place: str, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A search `mine` with the own term, stopped as by Ctrl-C after three units; returns their trials."""
    kept: list[Unit] = []
    keep = StoreLedger.keep

    def stopping(self: StoreLedger, unit: Unit) -> None:
        if len(kept) == 3:
            raise KeyboardInterrupt
        kept.append(unit)
        keep(self, unit)

    spec = {
        "trials": 8,
        "repeats": {"seeds": 2, "folds": 1},
        "cohort": 4,
        "headroom": "off",
        "race": {"seeds": 2, "contenders": 2},
        "verdict": {"seeds": 2},
        "insight": False,
        "space": {"preset": "multiclass", "terms": [place], "switches": {place.rpartition(":")[2]: 1}},
    }
    with monkeypatch.context() as patch:
        patch.setattr(StoreLedger, "keep", stopping)
        with pytest.raises(KeyboardInterrupt):
            run_search(spec, task=blobs(), name="mine", workdir=workdir)
    return [trial.number for unit in kept for trial in unit.trials]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Where the user's loss is. Its name is its test's, for a process keeps what it has registered."""
    monkeypatch.setattr(registry, "_own", dict(registry._own))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    name = request.node.name.replace("test_", "warm_")
    file = tmp_path / "mine.py"
    file.write_text(TEXT.replace("NAME", name))
    return f"{file}:{name}"


def test_it_is_resumed_and_exported(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C it goes on to the verdict; what was found leaves as files that need no `mine.py`."""
    before = interrupted(place, tmp_path / "data", monkeypatch)
    done = resume_search("mine", task=blobs(), workdir=tmp_path / "data")
    assert done.status == "finished"
    after = done.trial_list
    assert before
    assert [trial.number for trial in after] == [*range(len(after))]  # none lost, none trained again
    found = next(t.candidate.spec for t in after if place.rpartition(":")[2] in t.candidate.spec.parts)
    spec = found.bind(task_of(done.record).class_counts)
    export_loss(spec, tmp_path / "loss")
    (tmp_path / "mine.py").unlink()
    loss = runpy.run_path(str(tmp_path / "loss" / "loss.py"))["Loss"]()
    outputs, targets = torch.randn(7, 3, dtype=torch.float64), torch.arange(7) % 3
    torch.testing.assert_close(loss(outputs, targets), freeze(spec)(outputs, targets))
    assert json.loads((tmp_path / "loss" / "loss.json").read_text())["loss"]["parameters"] == spec.parameters


def test_an_edited_file_is_noticed(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search does not go on with another loss of the same name; the line names it. Restored, it goes on."""
    interrupted(place, tmp_path / "data", monkeypatch)
    file = tmp_path / "mine.py"
    written = file.read_text()
    file.write_text(written.replace("outputs / heat", "outputs * heat"))
    with pytest.raises(
        UserError, match=r"the file of warm_\w+ has changed \(fingerprint \w+, now \w+\)"
    ) as caught:
        resume_search("mine", task=blobs(), workdir=tmp_path / "data")
    assert "\n" not in str(caught.value)
    file.write_text(written)
    assert resume_search("mine", task=blobs(), workdir=tmp_path / "data").status == "finished"
