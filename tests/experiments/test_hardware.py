"""Where a search is trained and where its time goes, as its user asks for it and is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossmith.experiments.cli import main
from lossmith.experiments.cli.tables import seconds_line
from lossmith.experiments.spec import load_spec
from lossmith.experiments.store import Store, new_owner
from lossmith.losses import UserError

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("device: cuda:99", "device cuda:99 must be a GPU that torch can use here"),
        ("device: gpu", "device must be auto, cpu, cuda or cuda:NUMBER, but got 'gpu'"),
        ("precision: fp8", "precision"),
    ],
)
def test_hardware_that_is_not_here_ends_a_search_before_it_begins(
    line: str, words: str, tmp_path: Path, capsys: Captured
) -> None:
    """One line, exit status 2, and nothing is written."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"task: digits-longtail\ntrials: 4\n{line}\n", encoding="utf-8")
    assert main(["search", str(spec), "--workdir", str(tmp_path / "work")]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said
    assert "\n" not in said
    assert not (tmp_path / "work").exists()


def test_a_device_is_not_asked_for_where_another_decides(tmp_path: Path, capsys: Captured) -> None:
    """On a cluster `resources` says what a piece gets."""
    spec = tmp_path / "spec.yaml"
    spec.write_text("task: digits-longtail\ntrials: 4\nprecision: bf16\n", encoding="utf-8")
    assert main(["search", str(spec), "--runner", "ray", "--workdir", str(tmp_path / "work")]) == 2
    assert "must be left out for a Ray cluster" in capsys.readouterr().err


def test_a_spec_keeps_its_device_and_precision() -> None:
    """By default float32 on whatever is there; both survive the store."""
    plain = load_spec({"task": "digits", "trials": 4})
    assert (plain.device, plain.precision) == ("auto", "float32")
    spec = load_spec({"task": "digits", "trials": 4, "device": "cpu", "precision": "bf16"})
    assert load_spec(spec.to_json()) == spec
    with pytest.raises(UserError, match="precision"):
        load_spec({"task": "digits", "trials": 4, "precision": 16})


def test_show_tells_the_device(tmp_path: Path, capsys: Captured) -> None:
    """As the search found it when it began."""
    with Store.open(f"sqlite:///{tmp_path / 'lossmith.db'}") as store:
        task = {"name": "digits", "kind": "multiclass", "metric": "accuracy", "hardware": "cpu, bf16"}
        store.create("told", {"task": "digits", "trials": 4}, task, 0, new_owner())
    assert main(["show", "told", "--store", f"sqlite:///{tmp_path / 'lossmith.db'}"]) == 0
    assert "device: cpu, bf16" in capsys.readouterr().out


def test_what_was_waited_for_is_told_apart_from_what_ran_beside() -> None:
    """The share is of what the search waited for; older searches know only the sum."""
    line = seconds_line({"explore": 90.0, "waited": 2.0, "bookkeeping": 12.0, "total": 100.0})
    assert "waited for store and MLflow 2.0s (2.0% of 1m 40s), beside the training 10s more" in line
    assert "waited for store and MLflow 12s (12.0% of 1m 40s)" in seconds_line(
        {"bookkeeping": 12.0, "total": 100.0}
    )
