"""What lossmith promises of its own shape: who imports whom, what an import costs, what a wheel holds."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("losses", "spaces", "search", "experiments")  # each may import itself and those before it

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


@pytest.mark.parametrize("module", ["lossmith.losses", "lossmith.spaces", "lossmith.search"])
def test_an_import_pulls_in_nothing_heavy(module: str, tmp_path: Path) -> None:
    """A search runs where neither ray nor mlflow nor sqlalchemy is installed, and nobody waits for them."""
    code = f"import sys, json, {module}; print(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
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
