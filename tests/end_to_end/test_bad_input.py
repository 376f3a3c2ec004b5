"""What a user can get wrong: one line with the rule, the value and the remedy; nothing half-written."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lossmith.experiments.cli import main
from lossmith.experiments.store import Store

from .conftest import TASK

pytestmark = pytest.mark.end_to_end

OTHER_KIND = """

def other():
    part = torch.randn(9, 2), torch.randn(9)
    return Task(name="reg", kind="regression", train=part, validation=part, test=part,
                model=lambda: nn.Linear(2, 1), metric="mae")
"""

Change = Callable[[Path, str], tuple[str, str]]


def replaced(old: str, new: str) -> Change:
    """Changes the SPEC."""
    return lambda folder, spec: (spec.replace(old, new), TASK)


def in_task(old: str, new: str) -> Change:
    """Changes the task file."""
    return lambda folder, spec: (spec, TASK.replace(old, new))


MISTAKES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "unknown key": (replaced("trials:", "trails:"), ("trails", "trials")),
    "trials: 0": (replaced("trials: 24", "trials: 0"), ("trials", "at least 1", "0")),
    "missing task file": (replaced("clouds.py:", "cloud.py:"), ("cloud.py",)),
    "missing function": (replaced(":clouds", ":cloud"), ("cloud", "did you mean clouds?")),
    "unknown built-in task": (
        replaced("clouds.py:clouds", "digits-longtial"),
        ("did you mean digits-longtail",),
    ),
    "unknown space": (
        lambda f, s: (f"{s}space: imbalance\n", TASK),
        ("imbalance", "did you mean imbalanced?"),
    ),
    "another task that is unknown": (
        lambda f, s: (f"{s}transfer: [digits-noise]\n", TASK),
        ("digits-noise", "did you mean digits-noisy"),
    ),
    "another task of another kind": (
        lambda f, s: (f"{s}transfer: [clouds.py:other]\n", TASK + OTHER_KIND),
        ("transfer", "own kind, multiclass", "reg is regression", "leave it out"),
    ),
    "another task twice": (
        lambda f, s: (f"{s}transfer: [digits-noisy, digits-noisy]\n", TASK),
        ("transfer", "differ in their names", "digits-noisy"),
    ),
    "unknown sampler": (lambda f, s: (f"{s}sampler: tpee\n", TASK), ("tpee", "did you mean tpe?")),
    "parameter outside its domain": (
        lambda f, s: (f"{s}space: {{parameters: {{focal.gamma: {{low: -1, high: 2}}}}}}\n", TASK),
        ("focal.gamma", "[0, inf)", "-1"),
    ),
    "folds beside a validation part": (
        replaced("{seeds: 2}\nrace", "{seeds: 2, folds: 3}\nrace"),
        ("folds", "validation"),
    ),
    "a function that raises": (
        in_task("draw = torch", "raise OSError('no disk'); draw = torch"),
        ("OSError", "no disk", "line 9"),
    ),
    "a function that returns something else": (
        in_task("return Task(", "return dict("),
        ("lossmith.search.Task", "dict"),
    ),
    "a file that cannot be run": (in_task("import torch\n", "import torhc\n"), ("torhc",)),
    "labels outside the classes": (in_task("nn.Linear(8, 3)", "nn.Linear(8, 2)"), ("0..1", "0 to 2")),
    "NaN in the data": (
        in_task("return centres[labels] +", "centres[0, 0] = float('nan'); return centres[labels] +"),
        ("NaN", "row 0"),
    ),
    "a model with the wrong output": (
        in_task("nn.Linear(8, 3))", "nn.Linear(8, 3), nn.Flatten(0))"),
        ("logits (N, K)",),
    ),
    "a model with the wrong input": (in_task("nn.Linear(2, 8)", "nn.Linear(3, 8)"), ("(N, 2)",)),
    "a metric of another kind": (in_task('"macro_f1"', '"rmse"'), ("rmse", "macro_f1")),
    "an unknown recipe key": (in_task('"epochs": 4', '"epoch": 4'), ("epoch", "did you mean epochs")),
}


def assert_one_line(status: int, out: str, err: str, said: tuple[str, ...]) -> None:
    """Exit status 2 and one line on standard error that holds every word; below it, a traceback of theirs."""
    assert status == 2, err
    assert out == ""
    lines = err.strip().splitlines()
    assert len(lines) == 1 or lines[1] == "Traceback (their own frames):", err
    assert lines[0].startswith("error: ")
    for word in said:
        assert word in lines[0]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_met_at_the_door(
    spec: Path,
    tmp_path: Path,
    mistake: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong SPEC or task is one line with the rule and the value, exit 2, and no search is entered."""
    change, said = MISTAKES[mistake]
    text, task = change(tmp_path, spec.read_text())
    assert (text, task) != (spec.read_text(), TASK), "the change must change something"
    spec.write_text(text)
    (tmp_path / "clouds.py").write_text(task)
    monkeypatch.chdir(tmp_path)
    status = main(["search", str(spec), "--workdir", "work"])
    assert_one_line(status, *capsys.readouterr(), said)
    assert not (tmp_path / "work").exists()


Captured = pytest.CaptureFixture[str]


@pytest.fixture
def here(spec: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the SPEC, as the working directory."""
    monkeypatch.chdir(spec.parent)
    return spec.parent


def test_a_process_of_its_own_answers_alike(spec: Path, here: Path) -> None:
    """The installed command ends with status 2, one line on standard error and none on standard output."""
    spec.write_text(spec.read_text().replace("trials:", "trails:"))
    command = str(Path(sys.executable).with_name("lossmith"))
    done = subprocess.run(
        [command, "search", str(spec), "--workdir", "work"],
        capture_output=True,
        text=True,
        check=False,
        cwd=here,
    )
    assert_one_line(done.returncode, done.stdout, done.stderr, ("trails", "trials"))


def test_a_name_that_is_taken_is_refused(short: Path, here: Path, capsys: Captured) -> None:
    """A second search of the same name is one line that offers a way on; the first stays as it is."""
    del here
    search = ["search", str(short), "--workdir", "work", "--name", "one"]
    show = ["show", "one", "--workdir", "work", "--json"]
    assert main(search) == 0
    capsys.readouterr()
    assert main(show) == 0
    before = capsys.readouterr().out
    assert_one_line(main(search), *capsys.readouterr(), ("one", "--name", "lossmith resume one"))
    assert main(show) == 0
    assert capsys.readouterr().out == before
    status = main(["show", "on", "--workdir", "work"])
    assert_one_line(status, *capsys.readouterr(), ("on", "did you mean one?"))


def test_a_workdir_that_cannot_be_written_is_refused(spec: Path, capsys: Captured) -> None:
    """A working directory below a file is one line that names --workdir."""
    status = main(["search", str(spec), "--workdir", str(spec / "below")])
    assert_one_line(status, *capsys.readouterr(), ("--workdir",))


def test_a_store_of_a_newer_schema_is_refused(here: Path, capsys: Captured) -> None:
    """A store that a newer lossmith has written is left alone, with one line that says to upgrade."""
    assert main(["list", "--workdir", "work"]) == 0
    with Store.open(f"sqlite:///{here / 'work' / 'lossmith.db'}") as store:
        store.create("one", {"task": "x"}, {}, 0, None)
    with closing(sqlite3.connect(here / "work" / "lossmith.db")) as database, database:
        database.execute("update lossmith_schema set version_num = '9999_future'")
    capsys.readouterr()
    status = main(["list", "--workdir", "work"])
    assert_one_line(status, *capsys.readouterr(), ("newer",))
