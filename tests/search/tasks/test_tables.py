"""A task from a CSV or Parquet file: what is inferred, what is learnt from where, what is refused."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from lossmith.losses import UserError
from lossmith.search import Task, load_task
from lossmith.search.tasks.loaders import table as tables

ROWS = 60


def frame(**columns: Any) -> pd.DataFrame:
    """A table with the numbers `a` and `b`, and `label` with three classes, changed by `columns`."""
    draw = np.random.default_rng(0)
    usual = {
        "a": draw.normal(10, 3, ROWS),
        "b": draw.normal(size=ROWS),
        "label": np.array(["ant", "bee", "cat"])[np.arange(ROWS) % 3],
    }
    return pd.DataFrame({**usual, **columns})


def written(folder: Path, data: pd.DataFrame, name: str = "data.csv", **how: Any) -> Path:
    """The file with this table."""
    path = folder / name
    data.to_csv(path, index=False, **how)
    return path


def labels(count: int) -> Any:
    """Whole numbers 0 to count - 1, by turns."""
    return np.arange(ROWS) % count


KINDS: dict[str, tuple[Any, str, int | None]] = {
    "text": (np.array(["x", "y", "z"])[labels(3)], "multiclass", 3),
    "two texts": (np.array(["no", "yes"])[labels(2)], "binary", None),
    "yes or no": (labels(2) == 1, "binary", None),
    "zeros and ones": (labels(2), "binary", None),
    "ones and twos as floats": (labels(2) + 1.0, "binary", None),
    "few whole numbers": (labels(4) * 10, "multiclass", 4),
    "many whole numbers": (np.arange(ROWS) * 3, "regression", None),
    "fractions": (np.arange(ROWS) / 7, "regression", None),
}


@pytest.mark.parametrize("case", KINDS)
def test_the_kind_is_inferred_from_the_target(tmp_path: Path, case: str) -> None:
    """Text and few whole numbers are classes, two values are binary, other numbers are to be predicted."""
    values, kind, classes = KINDS[case]
    task = Task.from_csv(written(tmp_path, frame(label=values)), "label")
    assert task.kind == kind
    assert task.classes == classes
    assert any(f"so {kind}" in line for line in task.notes)


def test_several_targets_are_labels_or_numbers(tmp_path: Path) -> None:
    """Columns of zeros and ones make a multilabel task, columns of other numbers one of several outputs."""
    path = written(tmp_path, frame(one=labels(2), two=labels(3) == 1))
    task = Task.from_csv(path, ["one", "two"], drop=["label"])
    assert (task.kind, task.train[1].shape[1]) == ("multilabel", 2)
    task = Task.from_csv(path, ["a", "b"])
    assert (task.kind, task.train[1].shape[1]) == ("regression", 2)


def test_labels_are_numbered_in_their_order_and_kept_by_name(tmp_path: Path) -> None:
    """The description says which class is which number; text is taken without the blanks around it."""
    task = Task.from_csv(
        written(tmp_path, frame(label=np.array(["zoo ", "ant", " bee"])[labels(3)])), "label"
    )
    assert task.about["classes"] == ["ant", "bee", "zoo"]
    assert torch.bincount(torch.cat([task.train[1], task.test[1]])).tolist() == [20, 20, 20]
    ranks = Task.from_csv(written(tmp_path, frame(label=np.array([2, 10, 1])[labels(3)])), "label")
    assert ranks.about["classes"] == ["1", "2", "10"]


def test_none_is_a_class_and_no_missing_value(tmp_path: Path) -> None:
    """A target may be called None; an input that is None is missing."""
    path = written(tmp_path, frame(label=np.array(["None", "mild", "severe"])[labels(3)]))
    assert Task.from_csv(path, "label").about["classes"] == ["None", "mild", "severe"]


def test_the_test_part_is_a_stratified_fifth(tmp_path: Path) -> None:
    """48 rows are for training and 12 for the verdict, four of each class; asked for a third, 20."""
    path = written(tmp_path, frame())
    task = Task.from_csv(path, "label")
    assert torch.bincount(task.test[1]).tolist() == [4, 4, 4]
    assert len(task.train[1]) == 48
    assert len(Task.from_csv(path, "label", test=1 / 3).test[1]) == 20
    assert len(Task.from_csv(path, "label", test=0.35).test[1]) == 21


def test_what_is_learnt_of_the_columns_is_learnt_from_the_training_part(tmp_path: Path) -> None:
    """Another test file leaves the training inputs as they are: mean 0 and spread 1, categories as known."""
    data = frame(colour=np.array(["red", "blue"])[labels(2)])
    path = written(tmp_path, data)
    far = data.assign(a=data.a * 100, colour="green")
    other = written(tmp_path, far, "other.csv")
    tasks = [Task.from_csv(path, "label", test=str(test)) for test in (path, other)]
    assert torch.equal(tasks[0].train[0], tasks[1].train[0])
    inputs = tasks[0].train[0]
    assert inputs.shape == (ROWS, 4)
    assert torch.allclose(inputs[:, :2].mean(0), torch.zeros(2), atol=1e-5)  # float32 sums of 60 numbers
    assert torch.allclose(inputs[:, :2].std(0, correction=0), torch.ones(2), atol=1e-5)
    assert tasks[1].test[0][:, 2:].eq(0).all()  # a colour that nobody has seen
    assert float(tasks[1].test[0].abs().max()) <= 8  # outliers are brought near


def test_missing_values_are_filled_and_marked(tmp_path: Path) -> None:
    """A number that is missing gets the median and a mark of its own; a missing category is a category."""
    gaps = frame()
    gaps.loc[::6, "a"] = np.nan
    gaps["colour"] = np.array(["red", None, "blue"], object)[labels(3)]
    task = Task.from_csv(written(tmp_path, gaps), "label", test=str(written(tmp_path, gaps, "test.csv")))
    inputs = task.train[0]
    assert inputs.shape[1] == 3 + 3  # a, b and the mark of a; red, blue and missing
    marks = inputs[:, 2]
    assert (marks[::6] > 0).all()
    assert int((marks > 0).sum()) == len(marks[::6])
    assert len(set(inputs[::6, 0].tolist())) == 1


def test_dates_become_what_recurs_and_what_goes_on(tmp_path: Path) -> None:
    """A column of ISO dates becomes day, month, weekday and hour, and the user is told."""
    days = pd.date_range("2023-11-28", periods=ROWS, freq="D").astype(str)
    task = Task.from_csv(written(tmp_path, frame(when=days)), "label")
    assert task.train[0].shape[1] == 2 + 4
    assert any("when (a date: day, month, weekday and hour)" in line for line in task.notes)


def test_columns_without_use_are_left_out_and_named(tmp_path: Path) -> None:
    """A saved index, a constant, an empty column and a text that differs in each row are no inputs."""
    names = [f"person {row * 7919 % 1000}" for row in range(ROWS)]
    path = written(tmp_path, frame(index=np.arange(ROWS), same=1, empty=np.nan, name=names))
    task = Task.from_csv(path, "label")
    assert task.train[0].shape[1] == 2
    told = " ".join(task.notes)
    for said in ("index (numbers the rows)", "same (constant)", "empty (empty)", "name (", "different texts"):
        assert said in told


def test_a_few_odd_values_do_not_turn_numbers_into_categories(tmp_path: Path) -> None:
    """Two texts among many numbers are missing values, and named."""
    values = [f"{row / 3:.2f}" for row in range(ROWS)]
    values[4] = values[9] = "n.a."
    task = Task.from_csv(written(tmp_path, frame(c=values)), "label")
    assert task.train[0].shape[1] == 3 + 1
    assert any("c (2 values that are no numbers, such as 'n.a.', taken as missing)" in n for n in task.notes)


def test_a_column_of_many_categories_has_a_bounded_width(tmp_path: Path) -> None:
    """Beyond fifty categories the rare ones share a place."""
    data = pd.concat([frame(), frame(), frame(), frame()], ignore_index=True)
    data["town"] = [f"town {row % 80}" for row in range(len(data))]
    task = Task.from_csv(written(tmp_path, data), "label")
    assert task.train[0].shape[1] == 2 + 50


def test_a_regression_target_is_standardised_and_its_scale_kept(tmp_path: Path) -> None:
    """The training targets have mean 0 and spread 1; the description keeps what they were."""
    task = Task.from_csv(written(tmp_path, frame(label=1e6 + 1e4 * frame().a)), "label")
    about = task.about
    assert torch.allclose(task.train[1].mean(), torch.zeros(()), atol=1e-5)
    assert about["mean"] == pytest.approx(1e6 + 1e5, rel=0.1)
    assert about["standard_deviation"] == pytest.approx(3e4, rel=0.3)
    assert task.metric == "r2"


def median_error(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """A user's own metric."""
    return float((outputs - targets).abs().median())


@pytest.mark.parametrize(
    ("metric", "score"),
    [("mae", 5000.0), ("rmse", 5000.0), ("median_ae", 5000.0), ("r2", None), (median_error, 5000.0)],
)
def test_a_regression_is_scored_in_the_units_of_its_target(
    tmp_path: Path, metric: Any, score: float | None
) -> None:
    """Predictions that are 5,000 off score 5,000, whatever the spread of the target; R2 has no units."""
    task = Task.from_csv(written(tmp_path, frame(label=1e6 + 1e4 * frame().a)), "label", metric=metric)
    off = 5000 / task.describe().to_json()["about"]["standard_deviation"]
    predictions, targets = task.test[1] + off, task.test[1]
    (found,) = task.measure(predictions[None], targets).tolist()
    plain = float(1 - off**2 * len(targets) / ((targets - targets.mean()) ** 2).sum())
    assert found == pytest.approx(score or plain, rel=1e-3)
    assert any("scores are in its own units" in note for note in task.notes)


def test_several_targets_are_scored_in_standard_deviations_but_for_a_users_metric(tmp_path: Path) -> None:
    """A mean over dollars and years would be of dollars alone; a user's function sees its own units."""
    data = frame(price=1e6 + 1e4 * frame().a, years=frame().b).drop(columns="label")
    path = written(tmp_path, data)

    def first_column(outputs: torch.Tensor, targets: torch.Tensor) -> float:
        return float((outputs - targets)[:, 0].abs().mean())

    tasks = [Task.from_csv(path, ["price", "years"], metric=metric) for metric in ("mae", first_column)]
    scores = [float(task.measure(task.test[1][None] + 0.1, task.test[1])) for task in tasks]
    spread = tasks[0].describe().to_json()["about"]["standard_deviation"][0]
    assert scores == pytest.approx([0.1, 0.1 * spread], rel=1e-3)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, separator: str) -> None:
    """A file with another separator is the same task, and the separator is named."""
    usual = Task.from_csv(written(tmp_path, frame()), "label")
    task = Task.from_csv(written(tmp_path, frame(), "other.csv", sep=separator), "label")
    assert task.describe().fingerprint == usual.describe().fingerprint
    assert "separated by" in task.notes[0]


def test_every_form_of_a_table_is_the_same_task(tmp_path: Path) -> None:
    """Compressed, with a byte-order mark, with decimal commas, as Parquet: one fingerprint."""
    data = frame().round(3)
    plain = written(tmp_path, data)
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    data.to_parquet(tmp_path / "data.parquet")
    paths = [
        plain,
        packed,
        written(tmp_path, data, "excel.csv", sep=";", decimal=",", encoding="utf-8-sig"),
        tmp_path / "data.parquet",
    ]
    assert len({Task.from_csv(path, "label").describe().fingerprint for path in paths}) == 1


def test_reading_in_chunks_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in many chunks, whose first ones have another type than the last, is one table."""
    path = written(tmp_path, frame(c=[*range(ROWS - 1), "odd"], d=labels(7)))
    whole = Task.from_csv(path, "label").describe().fingerprint
    monkeypatch.setattr(tables, "CHUNK_ROWS", 7)
    assert Task.from_csv(path, "label").describe().fingerprint == whole


def test_ten_gigabytes_are_refused_at_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CSV that does not fit into memory is refused in one line after its first rows, not read."""
    data = pd.concat([frame()] * 100, ignore_index=True)
    path = written(tmp_path, data, "huge.csv")
    os.truncate(path, 10_000_000_000)  # a hole: it takes no space on the disk
    monkeypatch.setattr(tables, "room", lambda: 4_000_000_000)
    with pytest.raises(
        UserError, match=r"half of the free memory, 4.0 GB, but huge.csv \(10.0 GB\) needs"
    ) as e:
        Task.from_csv(path, "label")
    assert len(str(e.value).splitlines()) == 1


def test_a_line_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no table, such as a hole of gigabytes after its rows, is not read into memory as one field."""
    monkeypatch.setattr(tables, "LONGEST_LINE", 1_000_000)
    for rows in (ROWS, 0):
        path = written(tmp_path, frame().head(rows), "hole.csv")
        os.truncate(path, 10_000_000_000)
        with pytest.raises(UserError, match=r"hole.csv must have lines of at most 1,000,000 characters"):
            Task.from_csv(path, "label")


def test_what_becomes_of_missing_values_is_said(tmp_path: Path) -> None:
    """The notes name the columns with missing values and how they are filled; a whole table has none."""
    a = [None, None, *map(float, range(1, 2 * ROWS - 3, 2))]
    notes = Task.from_csv(written(tmp_path, frame(a=a)), "label").notes
    assert any(note.startswith("missing values in 1 column (a 2): filled") for note in notes)
    whole = Task.from_csv(written(tmp_path, frame(a=[*map(float, range(1, 2 * ROWS, 2))])), "label").notes
    assert not any("missing" in note for note in whole)


def test_a_compressed_file_is_given_up_when_it_gets_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the size of a file says little, reading stops as soon as the rows fill the memory."""
    path = tmp_path / "huge.csv.gz"
    path.write_bytes(gzip.compress(written(tmp_path, pd.concat([frame()] * 200)).read_bytes()))
    monkeypatch.setattr(tables, "CHUNK_ROWS", 1000)
    monkeypatch.setattr(tables, "room", lambda: 200_000)
    with pytest.raises(UserError, match="half of the free memory"):
        Task.from_csv(path, "label")


def test_groups_are_kept_whole_and_are_no_inputs(tmp_path: Path) -> None:
    """No patient is in the training part and in the test part; the folds know the patients too."""
    path = written(tmp_path, frame(patient=np.arange(ROWS) // 3, who=np.arange(ROWS) // 3 * 1.5))
    task = Task.from_csv(path, "label", groups="patient")
    assert task.train[0].shape[1] == 3
    assert not set(task.train[0][:, 2].tolist()) & set(task.test[0][:, 2].tolist())
    assert len(task.groups.unique()) * 3 == len(task.groups) == len(task.train[1])


def test_the_test_part_is_the_latest_where_there_is_a_time(tmp_path: Path) -> None:
    """With a time column nothing is predicted from what came later."""
    days = pd.date_range("2023-01-01", periods=ROWS, freq="D").astype(str)[::-1]
    task = Task.from_csv(
        written(tmp_path, frame(when=days, order=np.arange(ROWS) * 1.5)), "label", time="when"
    )
    assert task.train[0].shape[1] == 3
    assert float(task.test[0][:, 2].max()) < float(task.train[0][:, 2].min())  # rows count backwards in time
    assert len(task.test[1]) == 12
    assert task.time.argmax() == 0


def test_a_spec_may_hold_the_task(tmp_path: Path) -> None:
    """A mapping of the arguments is a task for `load_task`, as a SPEC has it."""
    path = written(tmp_path, frame())
    task = load_task({"file": str(path), "target": "label", "hidden": [8], "name": "mine"})
    assert isinstance(task, Task)
    assert (task.name, str(task.model)) == ("mine", "MLP 2-8-3")


BAD_FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "missing target column": ("a,lable\n1,x\n", ("column in data.csv 'label'", "did you mean lable?")),
    "one column": ("label\nx\ny\n", ("data.csv", "a comma", "'label'")),
    "unknown separator": ("a:label\n1:x\n2:y\n", ("separated by", "'a:label'", "separator")),
    "too many fields": ("a,label\n1,x\n2,y,z\n", ("as many fields", "2", "line 3")),
    "no header": ("1.5,2\n2.5,3\n", ("column names", "1.5, 2")),
    "empty": ("", ("data.csv", "empty")),
    "no rows": ("a,label\n", ("data.csv", "no row")),
    "missing values in the target": (
        "a,label\n" + "1,x\n2,\n3,y\n" * 6,
        ("target label", "6 of 18", "row 2", "drop those rows"),
    ),
    "constant target": ("a,label\n" + "1,x\n2,x\n" * 6, ("target label", "vary", "'x'")),
    "too many fields in every line": ("a,label\n" + "1,2,y\n" * 20, ("as many fields", "row 1 has 3")),
    "numbers for names twice": ("0,0\n" + "1,2\n" * 20, ("line of column names", "0, 0")),
    "blanks around a name": ("a, label\n" + "1,2\n" * 20, ("did you mean ' label'?",)),
    "a target too small to vary": (
        "a,label\n" + "1,1e-310\n2,2e-311\n3,3e-312\n" * 9,
        ("vary", "rescale"),
    ),
    "constant number": ("a,label\n" + "1,3\n2,3\n" * 6, ("vary", "every row holds 3;")),
    "rare class": ("a,label\n" + "1,x\n2,y\n" * 6 + "3,z\n", ("at least 5 rows", "'z' has 1", "merge")),
    "nothing to learn from": ("same,label\n" + "1,x\n1,y\n" * 6, ("column to learn from", "constant")),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_line(tmp_path: Path, case: str) -> None:
    """Whatever is wrong with a file is one line that says what, where, and what to do."""
    text, said = BAD_FILES[case]
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        Task.from_csv(path, "label")
    assert len(str(caught.value).splitlines()) == 1
    for word in said:
        assert word in str(caught.value)


BAD_WISHES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown kind": ({"kind": "multi"}, ("kind", "did you mean multi")),
    "regression on text": ({"kind": "regression"}, ("regression", "label", "'ant'")),
    "binary with three values": ({"kind": "binary"}, ("binary", "two values", "3")),
    "multilabel with one column": ({"kind": "multilabel"}, ("several target columns",)),
    "unknown metric": ({"metric": "macro-f1"}, ("metric", "did you mean macro_f1")),
    "unknown column to drop": ({"drop": ["aa"]}, ("'aa'", "did you mean a")),
    "unknown groups": ({"groups": "patient"}, ("'patient'", "choose from")),
    "too few groups": ({"groups": "few"}, ("at least 5 groups", "3")),
    "a target that groups": ({"groups": "label"}, ("'label' is; leave one out",)),
    "a target to drop": ({"drop": ["label"]}, ("'label' is; leave one out",)),
    "no time": ({"time": "words"}, ("time column words", "row 1", "'ant'")),
    "groups and time": ({"time": "a", "groups": "b"}, ("groups or time", "leave one out")),
    "test of everything": ({"test": 1.0}, ("share", "0.5", "1.0")),
    "no such test file": ({"test": "nowhere.csv"}, ("nowhere.csv", "check the path")),
    "bad hidden sizes": ({"hidden": [0]}, ("hidden", "[64, 64]", "[0]")),
    "unknown recipe key": ({"recipe": {"epoch": 3}}, ("'epoch'", "epochs")),
    "another separator": ({"separator": ";"}, ("separator ';'", "one")),
}


@pytest.mark.parametrize("case", BAD_WISHES)
def test_a_bad_wish_is_one_line(tmp_path: Path, case: str) -> None:
    """Whatever is asked for and cannot be is one line with the value and a remedy."""
    wish, said = BAD_WISHES[case]
    columns = {name: frame()["label"] for name in ("few", "words") if name in map(str, wish.values())}
    path = written(tmp_path, frame(**columns))
    with pytest.raises(UserError) as caught:
        Task.from_csv(path, "label", **wish)
    assert len(str(caught.value).splitlines()) == 1
    for word in said:
        assert word in str(caught.value)


def test_another_file_must_have_the_columns_and_the_classes(tmp_path: Path) -> None:
    """A test file without a column, or with a label that training has not, is one line."""
    path = written(tmp_path, frame())
    narrow = written(tmp_path, frame().drop(columns="b"), "narrow.csv")
    with pytest.raises(UserError, match=r"column in narrow.csv 'b'"):
        Task.from_csv(path, "label", test=str(narrow))
    strange = written(tmp_path, frame(label=np.array(["ant", "bee", "dog"])[labels(3)]), "strange.csv")
    with pytest.raises(UserError, match="label holds 'dog'"):
        Task.from_csv(path, "label", test=str(strange))


@pytest.mark.parametrize(
    "values", [[-1, 1, 2], [None, 1, 2], [np.inf, 1, 2], ["a", "b", "c"], [0, 0, 0], [1e300, 1, 1]]
)
def test_weights_of_rows_are_amounts(tmp_path: Path, values: list[Any]) -> None:
    """The first row whose weight is none is named, with the column."""
    made = frame().assign(w=[values[row % 3] for row in range(len(frame()))])
    with pytest.raises(UserError, match=r"data.csv: weights column w must .* row 1 holds"):
        Task.from_csv(written(tmp_path, made), "label", weights="w")


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize("values", [["u", "v"], ["2024-01-01"] * 2])
def test_another_file_has_numbers_where_training_has(tmp_path: Path, part: str, values: list[Any]) -> None:
    """A column that is none of numbers there is refused, not filled with medians."""
    other = written(tmp_path, frame().assign(a=[values[row % 2] for row in range(len(frame()))]), "other.csv")
    with pytest.raises(UserError, match=rf"{part}: column a must hold numbers, as in the training part"):
        Task.from_csv(written(tmp_path, frame()), "label", **{part: str(other)})


@pytest.mark.parametrize("form", ["${:,.2f}", "{:.1f}%", "{:.2f} EUR"])
def test_a_target_written_as_people_write_numbers_is_a_number(tmp_path: Path, form: str) -> None:
    """Currencies and thousands make no classes; a blank target in text is missing."""
    amounts = [form.format(1000.25 + 13.7 * row) for row in range(len(frame()))]
    assert Task.from_csv(written(tmp_path, frame().assign(label=amounts)), "label").kind == "regression"


@pytest.mark.parametrize(
    "cells",
    [[[1.0, 2.0], [3.0, 4.0]], [{"p": 1, "q": 2}, {"p": 2, "q": 5}], [b"\xff", b"a"], [" ", "x"]],
    ids=["lists", "structs", "bytes", "blank"],
)
def test_a_target_of_a_database_that_is_none_is_one_line(tmp_path: Path, cells: list[Any]) -> None:
    """Lists and structs are several columns, which the line names; bytes and blanks are no labels."""
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"a": list(range(60)), "label": [cells[row % 2] for row in range(60)]}), path)
    with pytest.raises(UserError, match="label"):
        Task.from_csv(path, "label")


def test_a_file_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    """A byte that is no UTF-8 is named, with the remedy."""
    path = written(tmp_path, frame(label=np.array(["café", "thé", "eau"])[labels(3)]), encoding="latin-1")
    with pytest.raises(UserError, match="UTF-8"):
        Task.from_csv(path, "label")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    """A broken Parquet file, another ending and a missing file are one line each."""
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 nothing PAR1")
    for path, said in ((broken, "Parquet"), (tmp_path / "a.csv", "no"), (Path(__file__), ".parquet")):
        with pytest.raises(UserError, match=said) as caught:
            Task.from_csv(path, "label")
        assert len(str(caught.value).splitlines()) == 1
