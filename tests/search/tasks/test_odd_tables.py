"""Tables as databases, spreadsheets and accidents write them: read as they are meant, or one line."""

from __future__ import annotations

import datetime as dt
import gzip
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lossmith.losses import UserError
from lossmith.search import Task
from lossmith.search.tasks.loaders.table import column_names

ROWS = 60
DRAW = np.random.default_rng(0)
A, LABEL = DRAW.normal(10, 3, ROWS), np.array(["ant", "bee", "cat"])[np.arange(ROWS) % 3]
AMOUNTS = DRAW.uniform(1000, 99999, ROWS).round(2)
DAYS = pd.date_range("2020-01-15", periods=ROWS, freq="9D")


def table(folder: Path, name: str = "data.csv", **columns: Any) -> Path:
    """A file with the numbers `a`, the labels `label`, and these columns; CSV or Parquet by its name."""
    frame = pd.DataFrame({"a": A, "label": LABEL, **columns})
    path = folder / name
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


def read(path: Path, target: Any = "label", **more: Any) -> Task:
    """The task of a file; whatever another package warns of is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Task.from_csv(path, target, **more)


def refusal(path: Path, target: Any = "label", **more: Any) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(UserError) as caught:
        read(path, target, **more)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 500
    return line


def width(path: Path, **more: Any) -> int:
    """How many inputs the column `x` became, beside the one of `a`."""
    return int(read(path, **more).train[0].shape[1]) - 1


NUMBERS: dict[str, list[str]] = {
    "dollars": [f"${value:,.2f}" for value in AMOUNTS],
    "euros": [f"{value:,.2f} €".replace(",", "_").replace(".", ",").replace("_", ".") for value in AMOUNTS],
    "thousands": [f"{value:,.0f}" for value in AMOUNTS],
    "blanks": [f"{value:,.2f}".replace(",", " ") for value in AMOUNTS],
    "apostrophes": [f"{value:,.2f}".replace(",", "'") for value in AMOUNTS],
    "percent": [f"{value:.1f}%" for value in A],
    "losses": [f"({value:,.2f})" if row % 2 else f"{value:,.2f}" for row, value in enumerate(AMOUNTS)],
    "minus": [f"-${value:,.2f}" if row % 2 else f"${value:,.2f}" for row, value in enumerate(AMOUNTS)],
    "codes": [f"USD {value:,.2f}" for value in AMOUNTS],
}


@pytest.mark.parametrize("form", NUMBERS)
def test_numbers_are_read_as_people_write_them(tmp_path: Path, form: str) -> None:
    """Currencies, thousands, percent signs and bookkeepers' minus are one number each, and said."""
    task = read(table(tmp_path, x=NUMBERS[form]), test=str(table(tmp_path, "test.csv", x=NUMBERS[form])))
    assert task.train[0].shape[1] == 2
    amounts = A if form == "percent" else AMOUNTS.round(0 if form == "thousands" else 2)
    signed = amounts * (np.where(np.arange(ROWS) % 2, -1, 1) if form in {"losses", "minus"} else 1)
    signed = signed.round(1) if form == "percent" else signed
    wanted = (signed - signed.mean()) / signed.std()
    np.testing.assert_allclose(task.train[0][:, 1].numpy(), wanted, atol=1e-5)
    assert form == "percent" or any("x (numbers written" in line for line in task.notes)


@pytest.mark.parametrize(
    "form",
    ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%b-%Y", "%B %d, %Y", "%m/%d/%Y %H:%M", "%Y-%m-%d"],
)
def test_dates_are_read_in_both_orders(tmp_path: Path, form: str) -> None:
    """Days before months and months before days are dates, and the form is said."""
    task = read(table(tmp_path, x=DAYS.strftime(form)))
    assert task.train[0].shape[1] == 1 + 4
    days = read(table(tmp_path, x=DAYS.strftime("%Y-%m-%d"))).train[0][:, 1]
    np.testing.assert_allclose(task.train[0][:, 1], days, atol=1e-5)
    assert any("x (a date" in line for line in task.notes)


@pytest.mark.parametrize(
    "values",
    [
        [f"2024-01-{1 + row % 28:02d}T10:00:00{'+02:00' if row % 2 else '-05:00'}" for row in range(ROWS)],
        [f"{1400 + row * 3}-05-0{1 + row % 9}" for row in range(ROWS)],
        [f"{2000 + row}-02-01" if row % 7 else "" for row in range(ROWS)],
    ],
    ids=["mixed time zones", "before 1678", "with gaps"],
)
def test_odd_dates_are_dates(tmp_path: Path, values: list[str]) -> None:
    """Several time zones in a column, and dates that nanoseconds do not reach."""
    task = read(table(tmp_path, x=values))
    assert any("x (a date" in line for line in task.notes)
    assert task.train[0][:, 1].std() > 0


PARQUET: dict[str, tuple[Callable[[int], Any], int]] = {
    "decimals": (lambda row: Decimal(row * 7 % 13) / 4, 1),
    "decimals with gaps": (lambda row: Decimal(row * 7 % 13) / 4 if row % 5 else None, 2),
    "lists of numbers": (lambda row: [row * 5 % 7, row * 7 % 13, 1.5 + row % 4], 3),
    "lists with gaps": (lambda row: [row * 5 % 7, row * 7 % 13] if row % 5 else None, 4),
    "lists of several lengths": (lambda row: [1.0] * (row % 3), 0),
    "lists of texts": (lambda row: ["x", "y"], 0),
    "structs": (lambda row: {"one": row * 7 % 13, "two": {"three": row * 5 % 11}}, 2),
    "bytes": (lambda row: bytes([row]), 0),
    "times": (lambda row: dt.time(row % 24, row % 60), 1),
    "days": (lambda row: dt.date(1500 + row, 1, 1 + row % 28), 4),
    "booleans with gaps": (lambda row: [True, False, None][row * 7 % 3], 2),
    "texts of numbers": (lambda row: str(row * 7 % 13), 1),
    "zip codes": (lambda row: f"{row * 7 % 5:05d}", 5),
    "long ids": (lambda row: f"{10**21 + row * 7919 * 10**15}", 0),
    "spans": (lambda row: dt.timedelta(hours=row * 7 % 13), 1),
}


@pytest.mark.parametrize("case", PARQUET)
def test_what_databases_write_is_read(tmp_path: Path, case: str) -> None:
    """Each type becomes as many inputs as it has numbers, or is left out and said."""
    make, wanted = PARQUET[case]
    path = table(tmp_path, "data.parquet", x=[make(row) for row in range(ROWS)])
    assert width(path) == wanted
    if wanted == 0:
        assert any("x (" in line for line in read(path).notes)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (pd.Categorical([str(row * 7 % 5) for row in range(ROWS)]), 5),
        (pd.array([row * 7 % 13 if row % 4 else None for row in range(ROWS)], "Int64"), 2),
        (pd.period_range("2020-01", periods=ROWS, freq="M"), 4),
        (np.array([2**64 - 1 - row * 7 % 13 * 2**50 for row in range(ROWS)], np.uint64), 1),
        (DRAW.normal(size=ROWS).astype(np.float16), 1),
        (pd.interval_range(0, ROWS), 0),
    ],
    ids=["categories", "nullable", "periods", "unsigned", "half", "intervals"],
)
def test_what_pandas_writes_is_read(tmp_path: Path, values: Any, wanted: int) -> None:
    """pandas' own types in a Parquet file."""
    assert width(table(tmp_path, "data.parquet", x=values)) == wanted


def test_an_index_is_a_column(tmp_path: Path) -> None:
    """A saved index may be the target, the groups or an input; one without a name is none."""
    frame = pd.DataFrame({"a": A, "b": A[::-1]}, index=pd.Index(LABEL, name="label"))
    frame.to_parquet(tmp_path / "index.parquet")
    assert read(tmp_path / "index.parquet").classes == 3
    frame = pd.DataFrame({"a": A, "label": LABEL}, index=pd.Index(np.arange(ROWS) // 3, name="patient"))
    frame.to_parquet(tmp_path / "groups.parquet")
    assert read(tmp_path / "groups.parquet", groups="patient").groups is not None
    frame.sample(frac=1, random_state=0).rename_axis(None).to_parquet(tmp_path / "bare.parquet")
    assert read(tmp_path / "bare.parquet").train[0].shape[1] == 1


def test_columns_may_be_called_by_numbers(tmp_path: Path) -> None:
    """As a saved array has them."""
    pd.DataFrame({0: A, 1: LABEL}).rename(columns=str).to_parquet(tmp_path / "numbers.parquet")
    assert read(tmp_path / "numbers.parquet", "1").classes == 3


@pytest.mark.parametrize("word", ["NA", "null", "None", "nan", "N/A", "?"])
def test_a_class_may_be_called_as_a_missing_value(tmp_path: Path, word: str) -> None:
    """Among classes that are text, such a word is a class, and said; among numbers it is a gap."""
    classes = np.array([word, "EU", "AS"])[np.arange(ROWS) % 3]
    task = read(table(tmp_path, label=classes))
    assert word in task.class_names
    assert task.classes == 3
    numbers = [str(value) if row % 9 else word for row, value in enumerate(A)]
    assert "must have a value in every row, but 7 of 60" in refusal(table(tmp_path, label=numbers))


def test_counts_with_rare_values_name_the_remedy(tmp_path: Path) -> None:
    """Few whole numbers, one of them rare, may be counts: regression is named."""
    counts = np.minimum(np.arange(ROWS) % 4, 2)
    counts[5] = 17
    assert "kind: regression" in refusal(table(tmp_path, label=counts), kind="multiclass")


@pytest.mark.parametrize(
    ("values", "positive", "wanted"),
    [
        (("good", "bad"), None, "bad"),
        (("bad", "good"), None, "good"),
        (("good", "bad"), "good", "good"),
        ((0, 1), None, "1"),
        ((1, 0), None, "1"),
        ((1, 0), 0, "0"),
        ((False, True), None, "True"),
        ((2, 1), None, "1"),
    ],
)
def test_the_positive_class_is_said(
    tmp_path: Path, values: tuple[Any, Any], positive: Any, wanted: str
) -> None:
    """The rarer of two labels, 1 beside 0, true, or the one that is asked for, by its name."""
    labels = [values[int(row % 5 == 0)] for row in range(ROWS)]
    task = read(table(tmp_path, label=labels), positive=positive)
    assert task.positive == task.class_names[1] == wanted
    share = sum(str(label) == wanted for label in labels) / ROWS
    assert float(task.train[1].mean()) == pytest.approx(share, abs=0.02)
    assert any(f"{wanted} is positive" in line for line in task.notes)


def test_labels_of_several_columns_may_be_missing(tmp_path: Path) -> None:
    """Empty cells and -1 among zeros and ones are labels that nobody gave, empty numbers are missing ones."""
    one = [["0", "1", "-1", ""][row * 7 % 4] for row in range(ROWS)]
    path = table(tmp_path, one=one, two=np.arange(ROWS) % 2)
    task = read(path, ["one", "two"], drop=["label"])
    assert task.kind == "multilabel"
    assert task.has_gaps
    assert set(task.train[1][:, 0].tolist()) == {0, 1, -1}
    numbers = [f"{value:.2f}" if row % 4 else "" for row, value in enumerate(A)]
    task = read(table(tmp_path, one=numbers, two=A[::-1]), ["one", "two"], drop=["label"])
    assert task.kind == "regression"
    assert bool(task.train[1][:, 0].isnan().any())
    assert any("are missing" in line for line in task.notes)
    assert "60 of 60" in refusal(table(tmp_path, one=[""] * ROWS, two=A), ["one", "two"])


def test_a_column_may_weigh_the_rows(tmp_path: Path) -> None:
    """Its numbers are the weights of the rows of every part, and no input."""
    weights = 1 + np.arange(ROWS) % 4
    path = table(tmp_path, weight=weights)
    task = read(path, weights="weight")
    assert task.train[0].shape[1] == 1
    assert task.sample_weight is not None
    assert sorted(np.concatenate([task.sample_weight[p] for p in ("train", "test")])) == sorted(weights)
    assert any("count by weight" in line for line in task.notes)
    assert "at least 0" in refusal(table(tmp_path, weight=weights - 2), weights="weight")
    assert "did you mean weight" in refusal(path, weights="wieght")


def lines_of(rows: int, label: Callable[[int], Any] = lambda row: "xy"[row % 2]) -> str:
    """The text of a CSV with the columns a and label."""
    return "a,label\n" + "".join(f"{row / 7},{label(row)}\n" for row in range(rows))


BAD: dict[str, tuple[str | bytes, dict[str, Any], tuple[str, ...]]] = {
    "three rows": (lines_of(3, lambda row: row / 3), {}, ("share", "3")),
    "a share of nothing": (lines_of(60), {"test": 0.01}, ("share", "0.01", "60")),
    "a share of nothing, by time": (lines_of(3, lambda row: row), {"test": 0.01, "time": "a"}, ()),
    "a share too small for the classes": (lines_of(60), {"test": 0.02}, ("share",)),
    "no targets": ("a,label\n" + "1,\n2,\n3,\n" * 9, {}, ("label", "27 of 27")),
    "infinite targets": (lines_of(60, lambda row: "inf" if row == 3 else row / 7), {}, ("finite", "row 4")),
    "targets beyond float32": (lines_of(60, lambda row: 1e39 if row == 3 else row / 7), {}, ("1e+39",)),
    "huge targets": (lines_of(60, lambda row: 1e300 if row == 3 else row / 7), {}, ("1e+300",)),
    "a column twice": ("a,a,label\n" + "1,2,x\n2,3,y\n" * 9, {}, ("'a'", "more than once")),
    "NUL in the header": ("a\0b,label\n" + "1,x\n2,y\n" * 9, {}, ("NUL",)),
    "another case": (lines_of(60).replace("label", "Label", 1), {}, ("did you mean Label",)),
    "latin-1": (lines_of(60, lambda row: "é" if row % 2 else "x").encode("latin-1"), {}, ("UTF-8",)),
    "UTF-16": (lines_of(60).encode("utf-16"), {}, ("UTF-8",)),
    "no columns named": (lines_of(60), {"target": []}, ("name of a column",)),
    "a number as target": (lines_of(60), {"target": 3}, ("name of a column", "3")),
    "a target twice": (lines_of(60), {"target": ["a", "a"]}, ("once", "'a'")),
    "no list of sizes": (lines_of(60), {"hidden": 5}, ("hidden", "5")),
    "no whole sizes": (lines_of(60), {"hidden": [1.5]}, ("hidden", "1.5")),
    "sizes below one": (lines_of(60), {"hidden": [-1]}, ("hidden", "-1")),
    "true as size": (lines_of(60), {"hidden": [True]}, ("hidden", "True")),
    "sizes beyond memory": (lines_of(60), {"hidden": [10**9, 10**9]}, ("memory", "hidden")),
    "sizes beyond everything": (lines_of(60), {"hidden": [10**400]}, ("hidden",)),
    "no such positive": (lines_of(60), {"positive": "fraud"}, ("positive", "'fraud'", "x, y")),
    "positive of classes": (lines_of(60, lambda row: "xyz"[row % 3]), {"positive": "x"}, ("left out",)),
    "a long label": (lines_of(60, lambda row: "x" * 5000), {}, ("vary",)),
}


@pytest.mark.parametrize("case", BAD)
def test_a_table_that_cannot_be_is_one_line(tmp_path: Path, case: str) -> None:
    """Whatever reads or deals the rows says what is wrong, and nothing warns before it."""
    text, more, said = BAD[case]
    path = tmp_path / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    line = refusal(path, **{"target": "label", **more})
    for word in said:
        assert word in line


@pytest.mark.parametrize("far", ["1e300", "-1e300", "inf", "1e39"])
def test_numbers_without_measure_are_missing(tmp_path: Path, far: str) -> None:
    """Inputs that no float32 can be squared of are taken as missing, without a warning."""
    path = table(tmp_path, x=[far if row % 9 == 0 else row * 7 % 13 for row in range(ROWS)])
    task = read(path)
    assert bool(task.train[0].isfinite().all())


@pytest.mark.parametrize("name", ["data.csv.gz", "data.parquet", "data.csv", "nowhere.csv"])
def test_a_file_that_breaks_off_is_one_line(tmp_path: Path, name: str) -> None:
    """Half of a compressed or Parquet file, bytes that are no text: for the columns as for the rows."""
    whole = table(tmp_path, "whole.parquet" if name.endswith("parquet") else "whole.csv")
    content = gzip.compress(whole.read_bytes()) if name.endswith("gz") else whole.read_bytes()
    path = tmp_path / name
    if name != "nowhere.csv":
        half = content[: len(content) // 2]
        path.write_bytes(half if name != "data.csv" else b"\xff\xfe" + half)
    for reading in (lambda: read(path), lambda: column_names(path)):
        with pytest.raises(UserError) as caught:
            reading()
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)
