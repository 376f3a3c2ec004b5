"""What lossmith does without the packages of its extras, in processes whose imports of them are refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from lossmith.losses.errors import EXTRA_OF

ROOT = Path(__file__).resolve().parents[2]
OPTIONAL = ("ray", "mlflow", "plotly", "jinja2", "pandas", "pyarrow", "aiohttp", "psycopg")
REFUSE = """
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        missing = name.partition(".")[0] in {names!r}
        return None if missing else self.finder.find_spec(name, path, target)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""
SEARCH = {
    "task": "clouds.py:clouds",
    "trials": 2,
    "cohort": 2,
    "repeats": {"seeds": 1, "folds": 2},
    "race": {"contenders": 1},
    "verdict": {"seeds": 2},
    "insight": False,
    "name": "bare",
}
TASK = """
import torch
from lossmith.search import Task
def clouds():
    g = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 2
    x = torch.randn(60, 2, generator=g) + y[:, None]
    return Task(name="clouds", kind="binary", train=(x, y), test=(x + .01, y), metric="auroc",
                model=lambda: torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Flatten(0)),
                recipe={"epochs": 1, "batch_size": 16})
"""


def run(code: str, refused: tuple[str, ...], folder: Path) -> subprocess.CompletedProcess[str]:
    """What a process says that cannot import `refused`."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("LOSSMITH", "MLFLOW"))
    }
    return subprocess.run(
        [sys.executable, "-c", REFUSE.format(names=refused) + code],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=False,
    )


Answer = tuple[int, str, str]  # exit status, standard output, standard error


def answers(commands: Sequence[Sequence[str]], refused: tuple[str, ...], folder: Path) -> list[Answer]:
    """What a process that cannot import `refused` answers to commands, one after the other."""
    code = f"""
import io, json
from contextlib import redirect_stderr, redirect_stdout
from lossmith.experiments.cli import main
answers = []
for words in {[list(words) for words in commands]!r}:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(words)
    answers.append((status, out.getvalue(), err.getvalue()))
print(json.dumps(answers))
"""
    done = run(code, refused, folder)
    assert done.returncode == 0, done.stderr
    return [(status, out, err) for status, out, err in json.loads(done.stdout)]


@pytest.mark.end_to_end
def test_losses_need_torch_alone(tmp_path: Path) -> None:
    """Every other package that lossmith declares may be missing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {line.split(">")[0].split("[")[0] for line in project["dependencies"]} - {"torch", "numpy"}
    imported = {"pyyaml": "yaml", "scikit-learn": "sklearn"}
    names = tuple(imported.get(name, name) for name in declared) + OPTIONAL
    code = """
import torch
from lossmith.losses import freeze, standard_specs
for name, spec in standard_specs("multiclass").items():
    freeze(spec.bind((3, 3, 3)))(torch.randn(9, 3), torch.arange(9) % 3)
"""
    done = run(code, names, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.end_to_end
def test_one_machine_searches_shows_and_exports_without_any_extra(tmp_path: Path) -> None:
    """A search goes to its verdict, says once that MLflow gets nothing, and names the extras that go on."""
    (tmp_path / "clouds.py").write_text(TASK)
    (tmp_path / "spec.yaml").write_text(json.dumps(SEARCH))
    further = (("show", "bare"), ("export", "bare", "--to", "loss"))
    refused = {"report": ("report", "bare"), "ray": ("resume", "bare", "--runner", "ray")}
    (status, out, err), *rest = answers(
        [("search", "spec.yaml"), *further, *refused.values()], OPTIONAL, tmp_path
    )
    assert status == 0, err
    assert err.count("MLflow is not installed") == 1
    assert 'pip install "lossmith[mlflow]"' in err
    assert 'lossmith report bare  (first: pip install "lossmith[report]")' in out
    assert [status for status, _, _ in rest] == [0, 0, 2, 2]
    for extra, (_, _, said) in zip(refused, rest[2:], strict=True):
        assert said.count("\n") == 1, said
        assert f'pip install "lossmith[{extra}]"' in said


MISSING: dict[tuple[str, ...], list[tuple[tuple[str, ...], str, str]]] = {
    ("pandas", "ray", "psycopg"): [
        (("search", "data.csv", "--target", "y"), "pandas", "tables"),
        (("launch", "spec.yaml", "--address", "http://127.0.0.1:9"), "ray", "cluster"),
        (("search", "spec.yaml", "--runner", "ray"), "ray", "ray"),
        (("list", "--store", "postgresql+psycopg://h/x"), "psycopg", "cluster"),
    ],
    ("pyarrow", "aiohttp"): [
        (("search", "data.parquet", "--target", "y"), "pyarrow", "tables"),
        (("launch", "spec.yaml", "--address", "http://127.0.0.1:9"), "aiohttp", "cluster"),
    ],
}


@pytest.mark.end_to_end
@pytest.mark.parametrize("refused", MISSING)
def test_what_is_missing_is_named_with_the_command_that_installs_it(
    refused: tuple[str, ...], tmp_path: Path
) -> None:
    """One line, status 2, and nothing is written."""
    (tmp_path / "data.csv").write_text("x,y\n1,a\n2,b\n")
    (tmp_path / "data.parquet").write_bytes(b"")
    (tmp_path / "spec.yaml").write_text("task: digits-longtail\ntrials: 2\n")
    before = sorted(tmp_path.iterdir())
    found = answers([words for words, _, _ in MISSING[refused]], refused, tmp_path)
    for (_, package, extra), (status, out, err) in zip(MISSING[refused], found, strict=True):
        assert (status, out, err.count("\n")) == (2, "", 1), err
        assert f"needs the package {package}" in err or extra == "cluster"
        assert f'pip install "lossmith[{extra}]"' in err
    assert sorted(tmp_path.iterdir()) == before


def test_the_extras_hold_what_the_errors_say() -> None:
    """Each package of `EXTRA_OF` is in the extra that its error names, and `all` holds every extra."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    brings = {"aiohttp": "ray[default]"}  # what installs a package that is not named itself
    for package, extra in EXTRA_OF.items():
        assert any(line.startswith(brings.get(package, package)) for line in extras[extra]), package
    for extra in set(EXTRA_OF.values()):
        assert extra in extras["all"][0]
