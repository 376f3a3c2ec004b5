"""Code that a user brought: running its file, and an error in it shown as the user's traceback alone."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Literal

from ..errors import UserError, one_line

_OURS = Path(__file__).resolve().parents[2]
_FOLDERS = tuple(str(_OURS / name) for name in ("losses", "spaces", "search", "experiments"))
_INSTALLED = tuple(
    dict.fromkeys(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
)


_PREFIX = "lossmith_user_"


def load_file(path: Path, what: Literal["task", "loss"]) -> ModuleType:
    """Run a user's Python file, which may import the modules beside it, and return its module.

    The folder stays at the end of `sys.path`, for imports inside functions that run later.

    Args:
        path: of the file, which ends in .py.
        what: what the file holds, for messages.

    Raises:
        UserError: the file is no Python file or does not run; the user's traceback is its detail.
    """
    path = path.resolve()
    place = sha256(str(path).encode()).hexdigest()[:8]  # two files of one name are two modules
    spec = importlib.util.spec_from_file_location(f"{_PREFIX}{what}_{path.stem}_{place}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"the {what} file {path} must be a Python file, whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look a class's module up by name
    try:
        with neighbours_of(path), no_arguments(path):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise user_error(f"the {what} file {path} cannot be run", error) from error
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    return module


@contextmanager
def no_arguments(program: Path) -> Iterator[None]:
    """Within it `sys.argv` is a user's file alone: one that parses arguments must not find lossmith's."""
    arguments = list(sys.argv)
    sys.argv[:] = [str(program)]
    try:
        yield
    finally:
        sys.argv[:] = arguments


@contextmanager
def neighbours_of(path: Path) -> Iterator[None]:
    """A context in which modules beside a user's file are imported before all others of their names."""
    folder = path.parent
    for beside in (*folder.glob("*.py"), *folder.glob("*/__init__.py")):
        name = beside.parent.name if beside.stem == "__init__" else beside.stem
        known = _file(sys.modules.get(name))
        # One that lies beside another of the user's files has this name by chance.
        if known and known != beside.resolve() and _folder(known) in _folders():
            for loaded in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
                del sys.modules[loaded]
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def user_modules() -> list[ModuleType]:
    """The modules of the users' files that this process has run, and of those that lie beside them."""
    folders = _folders()
    modules = [module for name, module in list(sys.modules.items()) if name != "__main__"]
    return [module for module in modules if (file := _file(module)) and _folder(file) in folders]


def _folders() -> set[Path]:
    run = (_file(module) for name, module in list(sys.modules.items()) if name.startswith(_PREFIX))
    return {file.parent for file in run if file}


def _file(module: ModuleType | None) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if isinstance(file, str) else None


def _folder(file: Path) -> Path:
    """Where a module lies, or the package that a file is the `__init__` of."""
    return file.parent.parent if file.stem == "__init__" else file.parent


def user_traceback(error: BaseException) -> str:
    """The traceback of an error without the frames of lossmith, Python and installed packages.

    Several lines, as Python writes them; the last says what was raised. An error that passed through none
    of the user's files is that last line alone.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)]
    head = ["Traceback (their own frames):\n", *traceback.format_list(frames)] if frames else []
    return "".join([*head, *traceback.format_exception_only(error)]).rstrip()


def is_users(filename: str) -> bool:
    """Whether a frame's file belongs to neither lossmith, nor Python, nor an installed package."""
    if filename.startswith("<"):
        return filename.startswith(("<ipython", "<stdin"))
    path = str(Path(filename).resolve())
    if "/site-packages/" in path:  # of whichever environment this one borrows from
        return False
    return not path.startswith((*_FOLDERS, *_INSTALLED, sys.base_prefix + "/lib/python"))


def user_error(
    message: str, error: BaseException, parameters: Mapping[str, object] | None = None
) -> UserError:
    """The `UserError` for an error in a user's code.

    Args:
        message: what failed; the error's type, words and place follow it in the same line.
        error: what the user's code raised.
        parameters: of the trial in which it was raised; they and the user's traceback are the detail.
    """
    place = _place(error)
    said = f"{message}: {type(error).__name__}: {one_line(error)}{place}"
    # Without a frame of the user's the traceback is its last line, which has just been said.
    shown = [user_traceback(error)] if place else []
    return UserError(said, detail="\n".join([*_with(parameters), *shown]))


@contextmanager
def in_user_code(message: str, parameters: Mapping[str, object] | None = None) -> Iterator[None]:
    """A context in which an error that a user's code raises becomes a `UserError`; other errors pass.

    Args:
        message: as for `user_error`.
        parameters: as for `user_error`.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not _place(error):
            raise
        raise user_error(message, error, parameters) from error


def _place(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def _with(parameters: Mapping[str, object] | None) -> Iterator[str]:
    if parameters:
        yield f"with {', '.join(f'{name}={_short(value)}' for name, value in parameters.items())}"


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
