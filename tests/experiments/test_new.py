"""Tasks without Python: a SPEC for a table, `lossmith search data.csv`, and `lossmith new`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lossmith.experiments.cli import main
from lossmith.experiments.spec import asked, load_spec
from lossmith.losses import UserError
from lossmith.search import load_task
from lossmith.search.tasks.loaders.defaults import metric_for

pytestmark = pytest.mark.end_to_end

TABLE = "height,weight,label\n" + "1.5,40,small\n1.9,90,large\n1.7,70,middle\n" * 8
QUICK = {
    "repeats": {"seeds": 1, "folds": 2},
    "race": {"seeds": 2, "contenders": 2},
    "verdict": {"seeds": 2},
    "insight": False,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with `people.csv`."""
    (tmp_path / "people.csv").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    status = main(arguments)
    out, err = capsys.readouterr()
    return status, out, err


def test_a_spec_may_describe_a_table(folder: Path) -> None:
    """Files are looked for beside the SPEC and become absolute; what is not said is left to be inferred."""
    (folder / "specs").mkdir()
    path = folder / "specs" / "people.yaml"
    path.write_text("task: {file: people.csv, target: label, test: 0.25}\ntrials: 4\n")
    spec = load_spec(path)
    assert spec.task == {"file": str(folder / "people.csv"), "target": "label", "test": 0.25}
    assert type(spec).from_json(spec.to_json()) == spec
    assert load_task(spec.task).name == "people"


BAD: dict[str, tuple[Any, tuple[str, ...]]] = {
    "no target": ({"file": "people.csv"}, ("task: `target` must be given", "column")),
    "unknown key": (
        {"file": "people.csv", "target": "label", "metrik": "r2"},
        ("task: unknown key 'metrik'", "did you mean metric?"),
    ),
    "wrong value": (
        {"file": "people.csv", "target": "label", "drop": "height"},
        ("task: drop must be a list",),
    ),
    "unknown kind": ({"file": "people.csv", "target": "label", "kind": "multi"}, ("kind", "multi")),
    "no file": ({"file": "poeple.csv", "target": "label"}, ("poeple.csv", "check the path")),
    "no table": ({"file": "people.xlsx", "target": "label"}, (".csv", "'people.xlsx'")),
    "a file alone": ("people.csv", ("task: {file: people.csv, target: COLUMN}",)),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("case", BAD)
def test_a_wrong_table_in_a_spec_is_one_line(case: str) -> None:
    """Unknown keys, wrong values and missing files are named with a remedy."""
    task, words = BAD[case]
    with pytest.raises(UserError) as caught:
        load_spec({"task": task, "trials": 4})
    assert len(str(caught.value).splitlines()) == 1
    for word in words:
        assert word in str(caught.value)


@pytest.mark.usefixtures("folder")
def test_a_table_and_its_target_are_a_search() -> None:
    """`search people.csv --target label` has a budget of its own; a SPEC stays the SPEC it is."""
    spec = load_spec(asked("people.csv", ["label"]), {"trials": 8})
    assert isinstance(spec.task, dict)
    assert (spec.task["target"], spec.trials, spec.repeats.folds) == ("label", 8, 4)
    assert asked("people.yaml", None) == "people.yaml"
    assert asked("people.csv", ["a", "b"])["task"]["target"] == ["a", "b"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("people.csv",), ("--target", "height, weight, label")),
        (("people.csv", "--target", "lable"), ("'lable'", "did you mean label?")),
        (("people.yaml", "--target", "label"), ("--target", "people.yaml")),
        (("nobody.csv", "--target", "label"), ("nobody.csv", "check the path")),
        (("nobody.csv",), ("nobody.csv", "check the path")),
    ],
)
def test_a_wrong_table_on_the_command_line_is_one_line(
    folder: Path, arguments: tuple[str, ...], words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing target lists the columns, a wrong one near matches; no workdir is made."""
    status, out, err = said("search", *arguments, "--workdir", "work", capsys=capsys)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    for word in words:
        assert word in err
    assert not (folder / "work").exists()


def test_a_csv_comes_to_a_verdict_and_says_what_it_inferred(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a table, without any Python: what was inferred is printed, and then the verdict."""
    (folder / "people.yaml").write_text(
        yaml.safe_dump(
            {
                "task": {"file": "people.csv", "target": "label"},
                "trials": 2,
                "recipe": {"epochs": 2},
                **QUICK,
            }
        )
    )
    status, out, err = said("search", "people.yaml", "--workdir", "work", capsys=capsys)
    assert status == 0, err
    for line in ("people.csv: 24 rows; 2 numbers", "so multiclass", "MLP 2-64-64-3", "metric macro_f1"):
        assert line in err
    assert "etter" in out  # Better, or Not better


def shortened(path: Path) -> None:
    """The SPEC as it was written, with the least budget."""
    spec = yaml.safe_load(path.read_text())
    assert {"task", "trials", "repeats"} <= set(spec)
    path.write_text(yaml.safe_dump({**spec, "trials": 2, "recipe": {"epochs": 1}, **QUICK}))


@pytest.mark.parametrize("table", [False, True])
def test_what_new_writes_runs_as_it_is(
    folder: Path, capsys: pytest.CaptureFixture[str], *, table: bool
) -> None:
    """`lossmith new NAME` and then `lossmith search NAME.yaml` come to a verdict without an edit."""
    more = ("--table", "people.csv", "--target", "label") if table else ()
    status, out, err = said("new", "my-task", *more, capsys=capsys)
    assert status == 0, err
    assert "lossmith search my-task.yaml" in out
    assert (folder / "my_task.py").exists() is not table
    shortened(folder / "my-task.yaml")
    status, out, err = said("search", "my-task.yaml", "--workdir", "work", capsys=capsys)
    assert status == 0, err
    assert "etter" in out


def test_new_overwrites_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where one of the files is there, none is written and the one that is stays as it is."""
    (folder / "mine.yaml").write_text("mine")
    status, _, err = said("new", "mine", capsys=capsys)
    assert status == 2
    assert "must not overwrite" in err
    assert "mine.yaml" in err
    assert (folder / "mine.yaml").read_text() == "mine"
    assert not (folder / "mine.py").exists()


@pytest.mark.parametrize("name", ["", "a b", "../a", "1a", "a.py", "-a"])
def test_new_names_must_be_file_names(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that would make another path or no module is refused."""
    status, _, err = said("new", "--", name, capsys=capsys)
    assert (status, len(err.splitlines())) == (2, 1)
    assert [path.name for path in folder.iterdir()] == ["people.csv"]


def test_new_writes_awkward_names_so_that_yaml_reads_them_back(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A target called `no`, one with a colon or a quote, and several targets come back as they are."""
    (folder / "odd one.csv").write_text("no,a: b,it's,x\n" + "1,0,1,2\n0,1,0,3\n" * 9)
    for number, targets in enumerate((["no"], ["a: b"], ["it's"], ["no", "a: b", "it's"])):
        more = [word for target in targets for word in ("--target", target)]
        status, _, err = said("new", f"t{number}", "--table", "odd one.csv", *more, capsys=capsys)
        assert status == 0, err
        task = yaml.safe_load((folder / f"t{number}.yaml").read_text())["task"]
        assert task == {"file": "odd one.csv", "target": targets[0] if len(targets) == 1 else targets}
        assert load_spec(folder / f"t{number}.yaml").trials == 64


@pytest.mark.parametrize(
    ("values", "kind"),
    [("yes no yes no", "binary"), ("a b c a", "multiclass"), ("{n}.5", "regression")],
)
def test_a_table_tells_what_its_target_is(
    values: str, kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the SPEC suggests to change is what the target column would be read as."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{n},{value.format(n=n)}\n" for n, value in enumerate(values.split() * 24))
    (tmp_path / "data.csv").write_text(f"x,y\n{rows}")
    assert main(["new", "mine", "--table", "data.csv", "--target", "y"]) == 0
    text = (tmp_path / "mine.yaml").read_text()
    assert f"# kind: {kind} " in text
    assert f"# metric: {metric_for(kind)}" in text
