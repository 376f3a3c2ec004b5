"""A verdict is told and kept the moment it is there, whatever becomes of the phases after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lossmith.experiments import Experiment, resume_search, run_search
from lossmith.experiments.cli import main
from lossmith.experiments.running.workdir import places
from lossmith.experiments.store import Store
from lossmith.search.method import pipeline
from lossmith.search.testing import RecordedProgress

from .test_places import SPEC, TASK


@pytest.mark.end_to_end
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_search_that_dies_in_insight_has_its_verdict(
    error: type[BaseException],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It is a line of the progress, `show` prints it, `export` exports it, and a resume keeps it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clouds.py").write_text(TASK)

    def dies(*_: object) -> None:
        raise error

    monkeypatch.setattr(pipeline, "insight", dies)
    heard = RecordedProgress()
    asked = {"task": "clouds.py:clouds", **SPEC, "insight": True}
    with pytest.raises(error):
        run_search(asked, name="cut", progress=heard)
    with Store.open(places(environment={}).store_url) as store:
        verdict = Experiment(store, "cut").verdict
        assert verdict is not None
        assert heard.notes.count(f"verdict: {verdict.sentence}") == 1
        assert Experiment(store, "cut").answer().note.startswith("the ")
        assert "best trial so far" not in Experiment(store, "cut").answer().note
        assert main(["show", "cut"]) == 0
        assert verdict.sentence in " ".join(capfd.readouterr().out.split())
        assert main(["export", "cut", "--to", "loss"]) == 0
        assert json.loads((tmp_path / "loss" / "loss.json").read_text())["verdict"] is not None
        monkeypatch.undo()
        monkeypatch.chdir(tmp_path)
        assert resume_search("cut").verdict == verdict
