"""A CSV or Parquet file as a frame: its separator found, its size looked at before it is read."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....losses.errors import UserError, one_line, require, unknown
from ...memory import room, size_text
from .cells import with_plain_cells

if TYPE_CHECKING:
    from pandas import DataFrame

CSV = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
PARQUET = (".parquet", ".pq")
SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
CHUNK_ROWS = 200_000
SAMPLE_ROWS = 5_000
LONGEST_LINE = 1 << 24  # characters: a longer one is no row of a table, and may be the whole of the memory
COPIES = 3  # of the frame that preprocessing holds at its height: the frame, its features, a column's parts
# pandas' own, and the question mark of many old tables. "None" may be a class.
MISSING = ("", "#N/A", "N/A", "NA", "NaN", "nan", "<NA>", "NULL", "null", "n/a", "-nan", "?")


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Attributes:
        frame: The rows.
        separator: What separated their fields; None for Parquet.
    """

    frame: DataFrame
    separator: str | None = None


def is_table(name: str) -> bool:
    """Whether the name is that of a file that `read_table` reads."""
    return name.lower().endswith((*CSV, *PARQUET))


def read_table(file: Path, targets: Collection[str] = (), separator: str | None = None) -> Table:
    """The columns of a file, their cells numbers, text, categories and dates as far as they have such a form.

    Args:
        file: A CSV or Parquet file, by its ending.
        targets: The names of columns that must be there, whose words for missing values may be classes.
        separator: What separates the fields of a CSV; None to find out.

    Raises:
        UserError: The file is missing, is no table, or is too large for the free memory.
    """
    with _reading(file):
        parquet = file.name.lower().endswith(PARQUET)
        found = _parquet(file, targets) if parquet else _csv(file, targets, separator)
        check_columns(file, targets, list(found.frame.columns))  # lists and structs are several columns now
        return found


def column_names(file: Path) -> list[str]:
    """The names of a table's columns; raises as `read_table` does."""
    with _reading(file):
        if file.name.lower().endswith(PARQUET):
            from pyarrow.parquet import read_schema

            return [str(name) for name in read_schema(file).names]
        lines = _first_lines(file)
        return next(csv.reader(lines, delimiter=_separator(file, lines)))


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Refuse what is no file or no table, and say in one line what goes wrong in reading it."""
    if not file.is_file():
        raise UserError(f"a table must be a file that exists, but there is no {file}; check the path")
    if not is_table(file.name):
        raise UserError(f"a table must be a file {', '.join((*CSV, *PARQUET))}, but got {file.name}")
    try:
        yield
    except UserError:
        raise
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file.name} must be text in UTF-8, but byte {error.start} is not; save it as UTF-8"
        ) from error
    except (EOFError, zlib.error) as error:
        raise UserError(
            f"{file.name} must be a whole compressed file, but it ends too early; copy it again"
        ) from error
    except (OSError, csv.Error) as error:
        raise UserError(
            f"{file.name} must be a file that can be read, but it is not: {one_line(error)}"
        ) from error
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"pyarrow", "pandas"} and not isinstance(
            error, ValueError | OverflowError | NotImplementedError
        ):
            raise
        what = "a Parquet file" if file.name.lower().endswith(PARQUET) else "a table"
        raise UserError(f"{file.name} must be {what}, but it cannot be read: {one_line(error)}") from error


def check_columns(file: Path, wanted: Collection[str], columns: Sequence[str]) -> None:
    """Refuse a wanted column that is not there.

    Args:
        file: The file, for the error.
        wanted: The names that must be among `columns`.
        columns: The names of the file's columns.

    Raises:
        UserError: A column is missing; the message lists near matches.
    """
    for name in wanted:
        if name not in columns:
            raise unknown(f"column in {file.name}", name, columns)


def _csv(file: Path, targets: Collection[str], separator: str | None) -> Table:
    require("pandas", "a table as a task")
    import pandas as pd

    lines = _first_lines(file)
    chosen = separator or _separator(file, lines)
    header, *rows = csv.reader(lines, delimiter=chosen)
    _check_header(file, header, chosen)
    check_columns(file, targets, header)
    options: dict[str, Any] = {
        "sep": chosen,
        "keep_default_na": False,
        # Classes may be called NA or null; `targets.py` looks at a target's words once it is read.
        "na_values": {name: [""] if name in targets else [*MISSING, "None"] for name in header},
        "decimal": "," if chosen == ";" and _decimal_commas(rows) else ".",
        "index_col": False,
    }
    try:
        with _open(file) as text:
            sample = pd.read_csv(text, nrows=SAMPLE_ROWS, **options)
        _check_room(file, _rows_estimate(file, lines, len(sample)), sample)
        chunks = []
        with _open(file) as text:
            for part in pd.read_csv(text, chunksize=CHUNK_ROWS, **options):
                chunks.append(part)
                held = sum(chunk.memory_usage(deep=True).sum() for chunk in chunks)
                if held * COPIES > room() + held:
                    raise _too_large(file, held * COPIES)  # compressed files hide their size
    except pd.errors.ParserError as error:
        raise UserError(
            f"{file.name} must have as many fields in each line as names in the first, {len(header)}, but "
            f"{one_line(error).rpartition('error: ')[2]}; check the separator and the quotes"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise UserError(f"{file.name} must hold rows, but it is empty") from error
    frame = pd.concat(chunks, ignore_index=True) if len(chunks) > 1 else chunks[0]
    return Table(with_plain_cells(_with_rows(file, frame)), chosen)


def _parquet(file: Path, targets: Collection[str]) -> Table:
    require("pyarrow", "a Parquet file as a task")
    import pyarrow.parquet as pq

    held = pq.ParquetFile(file)
    names = held.schema_arrow.names
    _check_different(file, names)
    check_columns(file, targets, names)
    # An index that was saved is a column like others, if it has a name; so are the fields of a struct.
    kept = [name for name in names if name in targets or not name.startswith("__index_level_")]
    sample = next(held.iter_batches(SAMPLE_ROWS, columns=kept), None)
    if sample is not None:
        _check_room(file, held.metadata.num_rows, sample.to_pandas())
    read = held.read(columns=kept)
    while any(str(field.type).startswith("struct") for field in read.schema):
        read = read.flatten()
    frame = read.to_pandas(ignore_metadata=True)
    return Table(with_plain_cells(_with_rows(file, frame)))


def _with_rows(file: Path, frame: DataFrame) -> DataFrame:
    if len(frame) == 0:
        raise UserError(f"{file.name} must hold rows, but it has {len(frame.columns)} columns and no row")
    return frame


@dataclass(eq=False)
class _Text:
    """A file's text, as much of it as pandas reads at a time; its lines are those of a table."""

    file: Path
    text: Any
    unbroken: int = 0  # characters since the last end of a line

    def read(self, size: int = -1) -> str:
        """At most so many characters. Raises `UserError` in a line without an end."""
        block: str = self.text.read(size)
        end = max(block.rfind("\n"), block.rfind("\r"))
        self.unbroken = self.unbroken + len(block) if end < 0 else len(block) - end
        self._check()
        return block

    def readline(self) -> str:
        """The next line; raises as `read` does."""
        line: str = self.text.readline(LONGEST_LINE + 1)
        self.unbroken = len(line)
        self._check()
        self.unbroken = 0
        return line

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")

    def _check(self) -> None:
        if self.unbroken > LONGEST_LINE:
            raise UserError(
                f"{self.file.name} must have lines of at most {LONGEST_LINE:,} characters, "
                "but one is longer; check that it is text, and its line ends"
            )


@contextmanager
def _open(file: Path) -> Iterator[_Text]:
    opener: Any = gzip.open if file.name.lower().endswith(".gz") else open
    with opener(file, "rt", encoding="utf-8-sig", newline="") as text:
        yield _Text(file, text)


def _first_lines(file: Path) -> list[str]:
    with _open(file) as text:
        lines = [line for _ in range(100) if (line := text.readline()).strip()]
    if not lines:
        raise UserError(f"{file.name} must hold a line of column names and rows, but it is empty")
    return lines


def _separator(file: Path, lines: Sequence[str]) -> str:
    """The separator that splits the first line into the most columns and the others into as many."""

    def fields(separator: str) -> int:
        counts = [len(row) for row in csv.reader(lines[:20], delimiter=separator)]
        return counts[0] if counts.count(counts[0]) > len(counts) / 2 else 1

    best = max(SEPARATORS, key=fields)
    if fields(best) < 2:
        rows = max((list(csv.reader(lines[:20], delimiter=mark)) for mark in SEPARATORS), key=_width)
        odd = next((place for place, row in enumerate(rows) if len(row) != _width(rows)), None)
        if _width(rows) > 1 and odd is not None:
            raise UserError(
                f"{file.name} must have as many fields in each line as names in the first, {_width(rows)}, "
                f"but row {odd} has {len(rows[odd])}; check the separator and the quotes"
            )
        shown = lines[0].strip()
        raise UserError(
            f"{file.name} must have columns separated by {', '.join(SEPARATORS.values())}, but its first "
            f"line is {shown[:60]!r}; give another separator"
        )
    return best


def _width(rows: Sequence[Sequence[str]]) -> int:
    return len(rows[0])


def _check_different(file: Path, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise UserError(
            f"{file.name} must have columns with names of their own, but {twice[0]!r} stands more than once; "
            "rename one"
        )


def _check_header(file: Path, header: Sequence[str], separator: str) -> None:
    if odd := next((name for name in header if "\0" in name), None):
        raise UserError(f"{file.name} must be text, but the column name {odd!r} holds a NUL character")
    if len(header) > 1 and all(_is_number(name) for name in header):
        raise UserError(
            f"{file.name} must begin with a line of column names, but it begins with the numbers "
            f"{', '.join(header[:3])}; add that line"
        )
    _check_different(file, header)
    if len(header) < 2:
        raise UserError(
            f"{file.name} must have at least two columns, but with the separator {separator!r} it has one, "
            f"{header[0][:60]!r}; check separator"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _decimal_commas(rows: Sequence[Sequence[str]]) -> bool:
    """Whether numbers are written 1,5: some fields are so, and none is written 1.5."""
    fields = [field for row in rows for field in row]
    with_comma = any("," in field and _is_number(field.replace(",", ".", 1)) for field in fields)
    return with_comma and not any("." in field and _is_number(field) for field in fields)


def _rows_estimate(file: Path, lines: Sequence[str], sampled: int) -> float:
    if sampled < SAMPLE_ROWS:
        return sampled
    if file.name.lower().endswith(".gz"):
        return 0  # its size says little; reading stops when it gets too much
    per_row = sum(len(line.encode()) for line in lines[1:]) / max(1, len(lines) - 1)
    return float(file.stat().st_size / max(1.0, per_row))


def _check_room(file: Path, rows: float, sample: DataFrame) -> None:
    per_row = sample.memory_usage(deep=True, index=False).sum() / max(1, len(sample))
    if (needed := COPIES * per_row * rows) > room():
        raise _too_large(file, needed)


def _too_large(file: Path, needed: float) -> UserError:
    return UserError(
        f"a table must fit into half of the free memory, {size_text(room())}, but {file.name} "
        f"({size_text(file.stat().st_size)}) needs about {size_text(needed)}; sample its rows, "
        "or bring a Dataset"
    )
