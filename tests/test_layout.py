"""What lossmith promises of its own shape: who imports whom, what an import costs, what a wheel holds."""

from __future__ import annotations

import ast
import importlib
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("losses", "spaces", "search", "experiments")  # each may import itself and those before it

# The rooms of each folder, files and sub-packages alike, from the lowest up: a room may import itself and the
# rooms before it, never one after it, and never the folder's own __init__, which imports them all.
ROOMS = {
    "losses": (
        *("errors", "numerics", "kernels", "kinds", "declarations", "terms", "family", "spec", "stacked"),
        *("frozen", "checks", "custom"),
    ),
    "spaces": ("domain", "recipe", "numbers", "space", "widen", "shipped", "parse", "extend"),
    "search": (
        *("random_streams", "memory", "records", "metrics", "statistics", "tasks", "proposals", "training"),
        *("method", "testing"),
    ),
    "experiments": (
        *("version", "spec", "usercode", "store", "results", "progress", "report", "tracking", "experiment"),
        *("running", "cli"),
    ),
}
MOST_ENTRIES = {
    "losses": 12,
    "spaces": 12,
    "search": 10,
    "experiments": 12,
}  # what a reader takes in at a glance

# What each folder, and every folder above it, may import from outside; pyproject.toml declares all of it.
OWN_PACKAGES = {
    "losses": {"torch"},
    "spaces": {"optuna", "yaml"},
    "search": {"PIL", "cmaes", "numpy", "pandas", "pyarrow", "ray", "scipy", "sklearn"},
    # IPython is imported in notebooks alone, where it is.
    "experiments": {
        *("alembic", "IPython", "jinja2", "markupsafe", "mlflow", "pandas", "plotly", "pydantic", "rich"),
        *("psycopg", "sqlalchemy", "typer"),
    },
}


class Import(NamedTuple):
    """One import statement of one file; `level` counts the leading dots and `names` follow `import`."""

    file: Path
    line: int
    module: str
    level: int
    names: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where it stands, as an editor opens it."""
        return f"{self.file.relative_to(ROOT)}:{self.line}"

    @property
    def target(self) -> str:
        """The dotted path from the repository's root that a relative import leads to."""
        package = self.file.relative_to(ROOT).parent.parts
        base = package[: len(package) - (self.level - 1)]
        return ".".join([*base, *filter(None, [self.module])])

    @property
    def folders(self) -> set[str]:
        """The top folders a relative import reaches; `from .. import losses` names them after `import`."""
        return {self.target.split(".")[0]} if self.target else set(self.names)


def python_files(*folders: str) -> Iterator[Path]:
    """Every Python file below the folders, in a fixed order."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imports_of(file: Path) -> Iterator[Import]:
    """Every import statement of a file, those inside functions and `if TYPE_CHECKING` too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), filename=str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, 0, ())
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(file, node.lineno, node.module or "", node.level, names)


def imports_in(*folders: str) -> list[Import]:
    """Every import statement of every Python file below the folders."""
    return [found for file in python_files(*folders) for found in imports_of(file)]


def package_files() -> set[str]:
    """Every file of the four folders that is not a by-product of running it, as it is named in a wheel."""
    return {
        f"lossmith/{path.relative_to(ROOT).as_posix()}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def listed_packages() -> set[str]:
    """The packages that pyproject.toml tells setuptools to install."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return set(tomllib.load(file)["tool"]["setuptools"]["packages"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_itself_and_the_folders_below_it(folder: str) -> None:
    """The arrow is losses <- spaces <- search <- experiments, for typing-only and late imports too."""
    allowed = set(FOLDERS[: FOLDERS.index(folder) + 1])
    against_the_arrow = [
        f"{found.place} reaches {sorted(found.folders - allowed)}"
        for found in imports_in(folder)
        if found.level and not found.folders <= allowed
    ]
    assert not against_the_arrow


def entries(folder: str) -> set[str]:
    """The rooms of a folder: its modules and sub-packages."""
    found = (ROOT / folder).iterdir()
    packages = {path.stem for path in found if path.suffix == ".py" or (path / "__init__.py").is_file()}
    return packages - {"__init__"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_rooms_are_those_of_the_table(folder: str) -> None:
    """A new room is a decision: its place in the order is written down here, and a folder stays small."""
    assert entries(folder) == set(ROOMS[folder])
    assert len(ROOMS[folder]) <= MOST_ENTRIES[folder]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_room_imports_only_itself_and_the_rooms_below_it(folder: str) -> None:
    """Whoever reads a room needs to know the rooms before it, and no other."""
    order = ROOMS[folder]
    upward = []
    for found in imports_in(folder):
        room = found.file.relative_to(ROOT / folder).with_suffix("").parts[0]
        if room == "__init__" or not found.level or found.target.split(".")[0] != folder:
            continue
        inner = found.target.split(".")[1:]
        for reached in [inner[0]] if inner else found.names:
            if reached not in order:
                upward.append(f"{found.place} reaches {folder} itself for {reached}")
            elif order.index(reached) > order.index(room):
                upward.append(f"{found.place} reaches up to {reached}")
    assert not upward


def test_no_file_imports_itself_through_others() -> None:
    """Two files that need each other are one file, or need a third; a late import only hides that."""
    names = {_module(file): file for file in python_files(*FOLDERS)}
    reached: dict[str, set[str]] = {name: set() for name in names}
    for found in imports_in(*FOLDERS):
        if found.level and found.file.stem != "__init__":
            for name in found.names:
                inner = f"{found.target}.{name}"
                reached[_module(found.file)].add(inner if inner in names else found.target)
    try:
        tuple(TopologicalSorter(reached).static_order())
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def _module(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_name_hides_a_module(folder: str) -> None:
    """`import lossmith.losses.spec as m` is a module, whatever its package exports."""
    hidden = []
    for file in python_files(folder):
        name = f"lossmith.{_module(file)}"
        package, _, last = name.rpartition(".")
        if package == "lossmith" or ".migrations" in name:  # no names in a namespace; Alembic runs migrations
            continue
        module = importlib.import_module(name)
        if getattr(sys.modules[package], last) is not module:
            hidden.append(name)
    assert not hidden


@pytest.mark.parametrize("folder", [*FOLDERS, "tests", "benchmarks", "examples"])
def test_the_folders_are_never_imported_by_a_flat_name(folder: str) -> None:
    """`import losses` would find another project's losses.py on a worker, so nobody writes it."""
    flat = [
        found.place
        for found in imports_in(folder)
        if not found.level and found.module.split(".")[0] in FOLDERS
    ]
    assert not flat


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_import_each_other_relatively(folder: str) -> None:
    """Relative imports alone resolve at run time and in editors, from the tree as it stands."""
    absolute = [
        found.place
        for found in imports_in(folder)
        if not found.level and found.module.split(".")[0] == "lossmith"
    ]
    assert not absolute


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_the_packages_it_may(folder: str) -> None:
    """losses needs torch alone, spaces also optuna and yaml; database and screen are experiments' own."""
    allowed = set().union(*(OWN_PACKAGES[below] for below in FOLDERS[: FOLDERS.index(folder) + 1]))
    refused = [
        f"{found.place} imports {package}"
        for found in imports_in(folder)
        if not found.level
        and (package := found.module.split(".")[0]) not in allowed | sys.stdlib_module_names
        and package not in {"lossmith", *FOLDERS}  # refused above, with their own reasons
    ]
    assert not refused


@pytest.mark.end_to_end
def test_an_import_pulls_in_nothing_heavy(tmp_path: Path) -> None:
    """A search runs where neither ray nor mlflow nor sqlalchemy is installed, and nobody waits for them.

    lossmith.search imports the folders below it.
    """
    code = (
        "import sys, json, lossmith.search; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"ray", "mlflow", "sqlalchemy"}


def test_every_folder_with_code_is_a_listed_package() -> None:
    """A sub-package that pyproject.toml does not list is not installed."""
    with_code = {
        ".".join(["lossmith", *file.relative_to(ROOT).parent.parts]) for file in python_files(*FOLDERS)
    }
    assert with_code == listed_packages()


def test_every_listed_package_has_an_init() -> None:
    """A folder without __init__.py would be a namespace package, which other projects can add modules to."""
    folders = [ROOT.joinpath(*package.split(".")[1:]) for package in listed_packages()]
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]


@pytest.mark.end_to_end
def test_the_wheel_holds_the_tree(tmp_path: Path) -> None:
    """What users install is every file of the four folders, code and data, and nothing else."""
    # A copy is built: setuptools leaves build/ behind and would pack what an earlier build left there.
    source, out = tmp_path / "source", tmp_path / "out"
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in [ROOT / "pyproject.toml", ROOT / "LICENSE", *ROOT.glob("*.md")]:
        shutil.copy(file, source)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.glob("lossmith-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == package_files()
