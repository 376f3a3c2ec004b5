"""The code a search needs, kept with it, so that it can be resumed where the user's files are not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import file_digest, sha256
from pathlib import Path

from ...losses.errors import UserError, one_line
from ...spaces import own_terms
from .trusted_files import state_folder

LARGEST = 1 << 20  # bytes of all files together: code, not data
TABLES = ("file", "test", "validation")  # the keys of a table's description that name files


def task_file(task: object) -> Path | None:
    """Find the file that a SPEC's task is defined in; None for a built-in one and for a table.

    Args:
        task: What the SPEC has under `task`.
    """
    if not isinstance(task, str):
        return None
    path, colon, _ = task.rpartition(":")
    return Path(path) if colon and path.endswith(".py") else None


def pack(task: object, others: Sequence[str | Path] = ()) -> dict[str, str]:
    """Read the files of code that a search needs.

    Args:
        task: What the SPEC has under `task`.
        others: Files that its file imports.

    Returns:
        The text of each, by the name it will lie under.

    Raises:
        UserError: A file is not there, is no text, has the name of another, or is too large.
    """
    own = task_file(task)
    paths = [path for path in (own, *map(Path, others)) if path is not None]
    found: dict[str, str] = {}
    for path in paths:
        try:
            if path.exists() and not path.is_file():
                raise UserError(  # noqa: TRY301  (a pipe would be waited for)
                    f"a file to ship must be a file, but {one_line(path)} is none; name one of code"
                )
            with path.open("rb") as file:  # a device has no end
                content = file.read(LARGEST + 1)
            text = content.decode("utf-8")  # with its line ends: a file is known by its hash
        except UserError:
            raise
        except (OSError, ValueError) as error:  # ValueError: NUL in the path, or no text in the file
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise UserError(
                f"a file to ship must be text that can be read, but {one_line(path)} is not: {why}"
            ) from None
        if found.setdefault(path.name, text) != text:
            raise UserError(f"files to ship must differ in their names, but two are called {path.name}")
    size = sum(len(text.encode()) for text in found.values())
    if size > LARGEST:
        raise UserError(
            f"files to ship must be code, of {LARGEST >> 10} KiB at most, but got {size >> 10} KiB; "
            "put data where the cluster can read it"
        )
    return found


def table_files(task: object) -> dict[str, Path]:
    """Find the files of a table, by their keys; none for other tasks.

    Args:
        task: What a SPEC has under `task`.
    """
    if not isinstance(task, Mapping):
        return {}
    return {key: Path(task[key]) for key in TABLES if isinstance(task.get(key), str)}


def keep_tables(task: object, folder: Path) -> object:
    """Copy the tables of a task to a folder that outlasts the process, for whoever resumes the search.

    Args:
        task: What a SPEC has under `task`.
        folder: Where tables are kept, each under the hash of its content.

    Returns:
        The task, its tables in the folder.

    Raises:
        UserError: The folder cannot be written to.
    """
    files = table_files(task)
    if not files or not isinstance(task, Mapping):
        return task
    kept = {}
    for key, file in files.items():
        with file.open("rb") as content:
            place = folder / file_digest(content, "sha256").hexdigest()[:16] / file.name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                draft = place.with_name(f".{place.name}.{os.getpid()}")
                shutil.copyfile(file, draft)
                draft.replace(place)
        except OSError as error:
            raise UserError(
                f"LOSSMITH_DATA must be a folder that can be written to, but got {folder}: {error.strerror}"
            ) from None
        kept[key] = str(place)
    return {**task, **kept}


def transfer_files(tasks: Iterable[object]) -> list[Path]:
    """List the files of the other tasks that a SPEC names.

    Args:
        tasks: What the SPEC has under `transfer`.
    """
    return [file for file in map(task_file, tasks) if file is not None]


def term_files(space: object) -> list[Path]:
    """List the files of the user's own losses that a SPEC's space names.

    Args:
        space: What the SPEC has under `space`.
    """
    return [Path(term.rpartition(":")[0]) for term in own_terms(space)]


def unpack_for_resume(task: object, files: Mapping[str, str], directory: Path) -> object:
    """Write the file of a task, or of a loss, with all that was kept beside it, if it is not where it was.

    Args:
        task: FILE:OBJECT, the name of a built-in task, or a table.
        files: The text of the files that are kept with the search, by name.
        directory: Where they are written, for this user's eyes alone; made if there is something to write.

    Returns:
        The task as it is found here.

    Raises:
        UserError: A file that was kept has a name with a folder in it.
    """
    own = task_file(task)
    if own is None or own.is_file() or own.name not in files:
        return task
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chmod(directory, 0o700)  # noqa: PTH101  (mkdir's mode is only what the umask leaves of it)
    for name, text in files.items():
        if Path(name).name != name or name.startswith("."):
            raise UserError(f"a shipped file must have a plain name, but got {name!r}")
        (directory / name).write_text(text, encoding="utf-8")
    return f"{directory / own.name}:{str(task).rpartition(':')[2]}"


def unpack_for_reading(place: str, files: Mapping[str, str]) -> str:
    """Find the file of a loss; where it is not here, a copy of what its search keeps.

    The copy is written for this user's eyes alone, under its own hash, and is not run by that.

    Args:
        place: FILE:OBJECT.
        files: The text of the files that are kept with the search, by name.

    Returns:
        FILE:OBJECT as it is found here.
    """
    path, _, name = place.rpartition(":")
    text = files.get(Path(path).name)
    if text is None or Path(path).is_file():
        return place
    content = text.encode()
    copy = state_folder() / "shipped" / sha256(content).hexdigest() / Path(path).name
    with suppress(OSError):  # then it is not here, which is said where it is needed
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not copy.is_file() or copy.read_bytes() != content:
            copy.write_bytes(content)
        return f"{copy}:{name}"
    return place
